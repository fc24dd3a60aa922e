#include <ddim/plan.h>

#include "api/model_implementation.h"
#include "diffusion/plan.h"

namespace ddim {

using namespace engine;

Plan make_plan(const Model& model, const PlanOptions& options) {
  const run::TrainedNetwork& trained = ModelAccess::described(model);
  return diffusion::make_plan(trained.schedule, trained.prediction, options);
}

Plan make_plan(const ForwardProcess& process, const PlanOptions& options) {
  return diffusion::make_plan(diffusion::make_schedule(process), process.prediction, options);
}

}  // namespace ddim
