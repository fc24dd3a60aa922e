#pragma once

#include <ddim/plan.h>

#include "diffusion/plan.h"

namespace ddim {

/// The plan of the diffusion room for public options, with a network that returns `prediction`:
/// of all its steps, or of the last ones (diffusion::last_part) for a strength below 1, which
/// Sampler::adaptive refuses.
struct DiffusionPlan {
  diffusion::Plan plan;
  std::string note;
};
DiffusionPlan make_diffusion_plan(const diffusion::Schedule& schedule,
                                  diffusion::Prediction prediction, const PlanOptions& options,
                                  double strength = 1.0);

}  // namespace ddim
