#pragma once

#include <span>
#include <vector>

#include "diffusion/plan.h"

namespace ddim::diffusion {

/// What a sampler turns into steps.
struct Route {
  const Schedule& schedule;  ///< for calls of the network between the legs
  std::span<const Leg> legs;
  const PlanOptions& options;
};

/// The one interface of all samplers: a pure function from a route to calls of the network, with
/// all coefficients in double. The last state is that of the last step.
using MakeSteps = std::vector<Step> (*)(const Route& route);

/// What a multistep sampler keeps of each call.
enum class Direction { eps, x0 };

/// The step of `leg` with what follows from the place and the options alone: how x0_pred and eps
/// come from the network's output at alpha_bar, and clipping. prev_from_... are 0.
Step begin_step(const Leg& leg, const PlanOptions& options);

/// The same step, which keeps a direction in `slot`, with Multistep::next still to be set.
Step begin_multistep(const Leg& leg, const PlanOptions& options, Direction direction,
                     std::size_t slot);

}  // namespace ddim::diffusion
