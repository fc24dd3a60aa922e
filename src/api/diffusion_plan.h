#pragma once

#include <ddim/plan.h>

#include "diffusion/plan.h"

namespace ddim {

/// The plan of the diffusion room for public options, with a network that returns `prediction`.
struct DiffusionPlan {
  diffusion::Plan plan;
  std::string note;
};
DiffusionPlan make_diffusion_plan(const diffusion::Schedule& schedule,
                                  diffusion::Prediction prediction, const PlanOptions& options);

}  // namespace ddim
