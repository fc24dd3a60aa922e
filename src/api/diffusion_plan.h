#pragma once

#include <ddim/plan.h>

#include "diffusion/plan.h"
#include "diffusion/tau.h"

namespace ddim {

/// The plan of the diffusion room for public options.
struct DiffusionPlan {
  diffusion::Plan plan;
  std::string note;
};
DiffusionPlan make_diffusion_plan(const diffusion::Schedule& schedule, const PlanOptions& options);

/// "quadratic-code": how the command line and recipes spell it.
std::string to_string(TauKind kind);
std::string to_string(Clip clip);

}  // namespace ddim
