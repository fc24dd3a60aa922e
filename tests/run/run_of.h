#pragma once

#include "diffusion/plan.h"
#include "run/generate.h"
#include "run/network.h"

namespace ddim::test {

/// What a network draws, with the linear schedule.
inline engine::run::Generated run_of(const engine::UNet& unet, const SampleOptions& options) {
  const engine::run::TrainedNetwork model{.network = engine::run::make_network(unet),
                                          .schedule = engine::diffusion::Schedule::linear()};
  const Plan plan = engine::diffusion::make_plan(model.schedule, model.prediction, options.plan);
  return engine::run::generate(model, plan, options);
}

}  // namespace ddim::test
