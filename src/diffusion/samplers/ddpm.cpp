#include <cmath>

#include "diffusion/samplers/samplers.h"

namespace ddim::engine::diffusion {
namespace {

enum class Variance { beta_tilde, beta };

std::vector<PlanStep> ddpm_steps(const Route& route, Variance variance) {
  std::vector<PlanStep> steps;
  for (const Leg& leg : route.legs) {
    const double alpha = leg.alpha_bar / leg.alpha_bar_prev;
    const double beta = 1.0 - alpha;
    const double noise_ratio = (1.0 - leg.alpha_bar_prev) / (1.0 - leg.alpha_bar);
    PlanStep step = begin_multistep(route, leg, Direction::x0, 0);
    if (variance == Variance::beta_tilde) {
      step.sigma = std::sqrt(noise_ratio * beta);
    } else if (&leg != &route.legs.back()) {
      step.sigma = std::sqrt(beta);
    }
    Combination& next = step.multistep->next;
    next.directions[0] = std::sqrt(leg.alpha_bar_prev) * beta / (1.0 - leg.alpha_bar);
    next.x = std::sqrt(alpha) * noise_ratio;
    next.noise = step.sigma;
    steps.push_back(step);
  }
  return steps;
}

}  // namespace

std::vector<PlanStep> ddpm_small_steps(const Route& route) {
  return ddpm_steps(route, Variance::beta_tilde);
}

std::vector<PlanStep> ddpm_large_steps(const Route& route) {
  return ddpm_steps(route, Variance::beta);
}

}  // namespace ddim::engine::diffusion
