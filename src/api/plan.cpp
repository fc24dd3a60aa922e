#include <ddim/plan.h>

#include <algorithm>

#include "api/model_implementation.h"
#include "diffusion/plan.h"

namespace ddim {

using namespace engine;

std::vector<std::int64_t> usual_steps(std::vector<std::int64_t> steps, std::int64_t T) {
  for (std::int64_t& each : steps) each = std::min(each, T);
  steps.erase(std::ranges::unique(steps).begin(), steps.end());
  return steps;
}

Plan make_plan(const Model& model, const PlanOptions& options) {
  const run::TrainedNetwork& trained = ModelAccess::described(model);
  return diffusion::make_plan(trained.schedule, trained.prediction, options);
}

Plan make_plan(const ForwardProcess& process, const PlanOptions& options) {
  return diffusion::make_plan(diffusion::make_schedule(process), process.prediction, options);
}

}  // namespace ddim
