#include "diffusion/plan.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "base/error.h"
#include "diffusion/sigma.h"

namespace ddim::diffusion {
namespace {

void check_tau(std::span<const std::int64_t> tau, std::int64_t T) {
  require(!tau.empty(), "tau: the list of steps is empty");
  for (std::size_t i = 0; i < tau.size(); ++i) {
    require(tau[i] >= 0 && tau[i] < T, "tau: entry ", i, " is ", tau[i], "; expected 0 to ", T - 1);
    require(i == 0 || tau[i] > tau[i - 1], "tau: entry ", i, " is ", tau[i], " after ", tau[i - 1],
            "; expected an increasing list");
  }
}

void check_eta(double eta, const Schedule& schedule, std::span<const std::int64_t> tau) {
  require(std::isfinite(eta) && eta >= 0.0, "eta: ", eta, " is not a number from 0 upward");
  const double largest = largest_eta(schedule, tau);
  // Rounded down for the message, so that the number shown is itself accepted.
  require(eta <= largest, "eta: ", eta, " makes 1 - alpha_bar_prev - sigma^2 negative (eq. 12); ",
          "these ", tau.size(), " steps allow at most ", std::floor(largest * 1e4) / 1e4);
}

Step make_step(const Schedule& schedule, std::int64_t t, std::int64_t t_prev,
               const PlanOptions& options) {
  Step step;
  step.t = t;
  step.t_prev = t_prev;
  step.alpha_bar = schedule.alpha_bar(t);
  step.alpha_bar_prev = schedule.alpha_bar(t_prev);
  const auto* eta_noise = std::get_if<EtaNoise>(&options.noise);
  const double eta = eta_noise != nullptr ? eta_noise->eta : 1.0;
  // Of the direction to x_t. Equal to 1 - alpha_bar_prev - sigma(eta)^2, in a form that does not
  // cancel to a negative number at the largest legal eta.
  const double ratio = eta / largest_eta(step.alpha_bar, step.alpha_bar_prev);
  const double direction_variance =
      (1.0 - step.alpha_bar_prev) * std::max(0.0, 1.0 - ratio * ratio);
  if (eta_noise != nullptr) {
    step.sigma = sigma_of_eta(eta, step.alpha_bar, step.alpha_bar_prev);
  } else if (t_prev >= 0) {
    step.sigma = sigma_hat(step.alpha_bar, step.alpha_bar_prev);
  }
  step.update = {.x0_from_x = 1.0 / std::sqrt(step.alpha_bar),
                 .x0_from_eps = -std::sqrt((1.0 - step.alpha_bar) / step.alpha_bar),
                 .prev_from_x0 = std::sqrt(step.alpha_bar_prev),
                 .prev_from_eps = std::sqrt(direction_variance),
                 .prev_from_noise = step.sigma,
                 .clip = options.clip == Clip::none ? std::numeric_limits<double>::infinity()
                                                    : options.clip_range,
                 .rederive_eps = options.clip == Clip::rederive_eps};
  return step;
}

}  // namespace

double largest_eta(const Schedule& schedule, std::span<const std::int64_t> tau) {
  check_tau(tau, schedule.num_steps());
  double largest = std::numeric_limits<double>::infinity();
  for (std::size_t i = 1; i < tau.size(); ++i)
    largest =
        std::min(largest, largest_eta(schedule.alpha_bar(tau[i]), schedule.alpha_bar(tau[i - 1])));
  return largest;
}

Plan make_plan(const Schedule& schedule, std::span<const std::int64_t> tau,
               const PlanOptions& options) {
  check_tau(tau, schedule.num_steps());
  if (const auto* noise = std::get_if<EtaNoise>(&options.noise))
    check_eta(noise->eta, schedule, tau);
  require(std::isfinite(options.clip_range) && options.clip_range > 0.0, "clip: range ",
          options.clip_range, " is not a positive number");
  Plan plan{.options = options};
  for (std::size_t i = tau.size(); i-- > 0;)
    plan.steps.push_back(make_step(schedule, tau[i], i > 0 ? tau[i - 1] : -1, options));
  return plan;
}

}  // namespace ddim::diffusion
