#include "diffusion/samplers/route.h"

#include <cmath>

namespace ddim::engine::diffusion {
PlanStep begin_step(const Leg& leg, Prediction prediction, const Clip& clip) {
  PlanStep step{.t = leg.t,
                .t_prev = leg.t_prev,
                .alpha_bar = leg.alpha_bar,
                .alpha_bar_prev = leg.alpha_bar_prev};
  const FromOutput x0 = x0_from_output(prediction, leg.alpha_bar);
  const FromOutput eps = eps_from_output(prediction, leg.alpha_bar);
  SamplerUpdate& update = step.update;
  update = {.x0_from_x = x0.from_x,
            .x0_from_output = x0.from_output,
            .eps_from_x = eps.from_x,
            .eps_from_output = eps.from_output,
            .prev_from_x0 = 0.0};
  if (clip.bound == Clip::Bound::range) update.clip = clip.range;
  if (clip.bound != Clip::Bound::none && clip.eps == Clip::EpsRule::rederive) {
    update.eps_from_x = 1.0 / std::sqrt(1.0 - leg.alpha_bar);
    update.eps_from_x0 = -std::sqrt(leg.alpha_bar / (1.0 - leg.alpha_bar));
    update.eps_from_output = 0.0;
  }
  return step;
}

PlanStep begin_multistep(const Leg& leg, Prediction prediction, const Clip& clip,
                         Direction direction, std::size_t slot) {
  PlanStep step = begin_step(leg, prediction, clip);
  (direction == Direction::eps ? step.update.prev_from_eps : step.update.prev_from_x0) = 1.0;
  step.multistep = Multistep{.slot = slot};
  return step;
}

}  // namespace ddim::engine::diffusion
