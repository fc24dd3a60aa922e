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

bool draws_noise(const Plan& plan) {
  return std::ranges::any_of(plan.steps, [](const PlanStep& step) {
    return step.sigma != 0.0 || step.update.prev_from_noise != 0.0 || step.learned_variance ||
           (step.multistep && step.multistep->next.noise != 0.0);
  });
}

}  // namespace ddim
