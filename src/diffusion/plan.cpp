#include "diffusion/plan.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "base/error.h"
#include "diffusion/samplers/adaptive.h"
#include "diffusion/samplers/samplers.h"
#include "diffusion/sigma.h"

namespace ddim::engine::diffusion {
namespace {

double largest_eta_of(const Trajectory& trajectory) {
  double largest = std::numeric_limits<double>::infinity();
  for (const Leg& leg : trajectory.legs)
    largest = std::min(largest, largest_eta(leg.alpha_bar, leg.alpha_bar_prev));
  return largest;
}

void require_effect(std::string_view option, const PlanOptions& options) {
  const std::string problem = why_no_effect(option, options);
  require(problem.empty(), option, " ", problem);
}

void check_noise(const Trajectory& trajectory, const PlanOptions& options) {
  const double* eta_number = std::get_if<double>(&options.eta);
  if (eta_number == nullptr) return require_effect("sigma_hat", options);
  const double eta = *eta_number;
  require(std::isfinite(eta) && eta >= 0.0, "eta must be 0 or greater; got ", eta);
  if (eta != 0.0) require_effect("eta", options);
  const double largest = largest_eta_of(trajectory);
  // Rounded down for the message, so that the number shown is itself accepted.
  require(eta <= largest, "eta: ", eta, " makes 1 - alpha_bar_prev - sigma^2 negative (eq. 12); ",
          "these ", trajectory.legs.size(), " steps allow at most ",
          std::floor(largest * 1e4) / 1e4);
}

void check_clip(const PlanOptions& options) {
  const Clip& clip = options.clip;
  require(std::isfinite(clip.range) && clip.range > 0.0, "clip_range must be greater than 0; got ",
          clip.range);
  require(clip.quantile > 0.0 && clip.quantile <= 1.0,
          "threshold must be above 0 and at most 1, such as 0.995; got ", clip.quantile);
  require(clip.max >= 1.0, "threshold_max must be at least 1; got ", clip.max);
  require_effect("clip", options);
}

void check_legs(const Trajectory& trajectory, Sampler sampler, Prediction prediction) {
  const std::vector<Leg>& legs = trajectory.legs;
  const SamplerTraits& traits = traits_of(sampler);
  require(!legs.empty(), "tau: the list of steps is empty");
  if (legs.front().alpha_bar == 0.0) {
    require(prediction != Prediction::eps, "tau: begins at t = ", legs.front().t,
            ", where alpha_bar is 0 (zero terminal SNR) and a network that predicts eps says "
            "nothing about the image; use a network that predicts v or x0, or a tau that starts at "
            "a smaller t");
    require(!traits.needs_noise_level, "sampler: ", traits.name,
            " works with the noise level, which is infinite where alpha_bar is 0 (t = ",
            legs.front().t, ", zero terminal SNR); use ddim, ddpm-small, ddpm-large or dpmpp-2m");
  }
  if (!traits.needs_chain) return;
  for (std::size_t i = 0; i < legs.size(); ++i) {
    require(
        legs[i].alpha_bar_prev > legs[i].alpha_bar, "sampler: ", traits.name,
        " needs steps that lead to a smaller t; the one at t = ", legs[i].t,
        " stays there (final alpha \"first\"); use the sampler ddim, or the final alpha \"one\"");
    if (i == 0) continue;
    require(legs[i].t == legs[i - 1].t_prev, "sampler: ", traits.name,
            " uses earlier steps, so each step must begin where the one before it ends; here one "
            "leads to t = ",
            legs[i - 1].t_prev, " and the next begins at ", legs[i].t,
            "; use the sampler ddim, or a tau other than diffusers-*");
  }
}

}  // namespace

double largest_eta(const Schedule& schedule, std::span<const std::int64_t> tau) {
  return largest_eta_of(make_trajectory(schedule, tau));
}

Plan make_plan(const Schedule& schedule, Prediction prediction, const Trajectory& trajectory,
               const PlanOptions& options) {
  check_legs(trajectory, options.sampler, prediction);
  check_noise(trajectory, options);
  check_clip(options);
  require(options.tolerance > 0.0 && std::isfinite(options.tolerance),
          "tolerance must be greater than 0; got ", options.tolerance);
  Plan plan{.options = options, .prediction = prediction, .note = trajectory.note};
  if (auto* eta = std::get_if<double>(&plan.options.eta)) *eta += 0.0;  // -0 shows in sigma
  plan.steps = traits_of(options.sampler)
                   .make_steps({.schedule = schedule,
                                .legs = trajectory.legs,
                                .prediction = prediction,
                                .options = plan.options});
  if (options.sampler == Sampler::adaptive) {
    plan.stepping = AdaptiveSteps{.betas = schedule.betas()};
    plan.nfe = kMaxAdaptiveCalls;
  } else {
    plan.nfe = std::ssize(plan.steps);
  }
  return plan;
}

Plan make_plan(const Schedule& schedule, Prediction prediction, const PlanOptions& options) {
  return make_plan(schedule, prediction, make_trajectory(schedule, options), options);
}

Plan make_plan(const Schedule& schedule, std::span<const std::int64_t> tau,
               const PlanOptions& options, Prediction prediction) {
  return make_plan(schedule, prediction, make_trajectory(schedule, tau), options);
}

}  // namespace ddim::engine::diffusion
