#include <cmath>

#include "diffusion/samplers/runge_kutta.h"
#include "diffusion/samplers/samplers.h"

namespace ddim::engine::diffusion {

std::vector<PlanStep> heun_steps(const Route& route) {
  std::vector<PlanStep> steps;
  for (const Leg& leg : route.legs) {
    if (leg.t_prev >= 0.0) {
      append_heun(route, leg, 0, steps);
      continue;
    }
    PlanStep step = begin_multistep(route, leg, Direction::eps, 0);
    step.multistep->next.x = 1.0 / std::sqrt(leg.alpha_bar);
    step.multistep->next.directions[0] = -noise_level(leg.alpha_bar);
    steps.push_back(step);
  }
  return steps;
}

}  // namespace ddim::engine::diffusion
