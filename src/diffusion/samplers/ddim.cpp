#include <algorithm>
#include <cmath>

#include "diffusion/samplers/samplers.h"
#include "diffusion/sigma.h"

namespace ddim::engine::diffusion {

std::vector<PlanStep> ddim_steps(const Route& route) {
  const double* given_eta = std::get_if<double>(&route.options.eta);  // else sigma-hat
  const double eta = given_eta != nullptr ? *given_eta : 1.0;
  std::vector<PlanStep> steps;
  for (const Leg& leg : route.legs) {
    PlanStep& step = steps.emplace_back(begin_step(route, leg));
    // Of the direction to x_t. Equal to 1 - alpha_bar_prev - sigma(eta)^2, in a form that does not
    // cancel to a negative number at the largest legal eta.
    const double ratio = eta / largest_eta(leg.alpha_bar, leg.alpha_bar_prev);
    const double direction_variance =
        (1.0 - leg.alpha_bar_prev) * std::max(0.0, 1.0 - ratio * ratio);
    if (given_eta != nullptr) {
      step.sigma = sigma_of_eta(eta, leg.alpha_bar, leg.alpha_bar_prev);
    } else if (&leg != &route.legs.back()) {
      step.sigma = sigma_hat(leg.alpha_bar, leg.alpha_bar_prev);
    }
    step.update.prev_from_x0 = std::sqrt(leg.alpha_bar_prev);
    step.update.prev_from_eps = std::sqrt(direction_variance);
    step.update.prev_from_noise = step.sigma;
  }
  return steps;
}

}  // namespace ddim::engine::diffusion
