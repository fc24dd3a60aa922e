#include <algorithm>
#include <cmath>

#include "diffusion/samplers/samplers.h"

namespace ddim::engine::diffusion {
namespace {

/// x_prev = sqrt(alpha_bar_prev) (y + change eps + up z)
PlanStep step_of_y(const Route& route, const Leg& leg, double change, double up) {
  const double scale = std::sqrt(leg.alpha_bar_prev);
  PlanStep step = begin_multistep(route, leg, Direction::eps, 0);
  step.sigma = scale * up;
  Combination& next = step.multistep->next;
  next.x = scale / std::sqrt(leg.alpha_bar);
  next.directions[0] = scale * change;
  next.noise = step.sigma;
  return step;
}

}  // namespace

std::vector<PlanStep> euler_steps(const Route& route) {
  const double eta = std::get<double>(route.options.eta);
  std::vector<PlanStep> steps;
  for (const Leg& leg : route.legs) {
    const double s = noise_level(leg.alpha_bar), s_prev = noise_level(leg.alpha_bar_prev);
    const double s_up = eta * s_prev * std::sqrt((s - s_prev) * (s + s_prev)) / s;
    const double s_down = std::sqrt(std::max(0.0, (s_prev - s_up) * (s_prev + s_up)));
    steps.push_back(step_of_y(route, leg, s_down - s, s_up));
  }
  return steps;
}

std::vector<PlanStep> euler_t_steps(const Route& route) {
  std::vector<PlanStep> steps;
  for (const Leg& leg : route.legs) {
    const double s = noise_level(leg.alpha_bar), s_prev = noise_level(leg.alpha_bar_prev);
    steps.push_back(step_of_y(route, leg, 0.5 * (s_prev - s) * (s_prev + s) / s, /*up=*/0.0));
  }
  return steps;
}

}  // namespace ddim::engine::diffusion
