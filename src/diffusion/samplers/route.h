#pragma once

#include <span>
#include <vector>

#include "diffusion/plan.h"
#include "diffusion/prediction.h"

namespace ddim::engine::diffusion {

using Combination = Multistep::Combination;
inline constexpr std::size_t kNumSlots = Multistep::kNumSlots;

/// The input of a sampler.
struct Route {
  const Schedule& schedule;  ///< for calls of the network between the legs
  std::span<const Leg> legs;
  Prediction prediction;  ///< what the network returns
  const PlanOptions& options;
};

/// The one interface of all samplers: a pure function from a route to calls of the network, with
/// all coefficients in double. The last state is that of the last step.
using MakeSteps = std::vector<PlanStep> (*)(const Route& route);

/// What a multistep sampler keeps of each call.
enum class Direction { eps, x0 };

/// The step of `leg` with what follows from the place, the network's output and clipping alone: how
/// x0_pred and eps come from the network's output at alpha_bar, and clipping. prev_from_... are 0.
PlanStep begin_step(const Leg& leg, Prediction prediction, const Clip& clip);

/// The same step, which keeps a direction in `slot`, with Multistep::next still to be set.
PlanStep begin_multistep(const Leg& leg, Prediction prediction, const Clip& clip,
                         Direction direction, std::size_t slot);
/// The two for a leg of a route.
inline PlanStep begin_step(const Route& route, const Leg& leg) {
  return begin_step(leg, route.prediction, route.options.clip);
}
inline PlanStep begin_multistep(const Route& route, const Leg& leg, Direction direction,
                                std::size_t slot) {
  return begin_multistep(leg, route.prediction, route.options.clip, direction, slot);
}

}  // namespace ddim::engine::diffusion
