#include "diffusion/trajectory.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "base/error.h"

namespace ddim::engine::diffusion {
namespace {

/// Entries nearer to each other could draw the same noise: its key has 24 bits of the fraction.
constexpr double kLeastDistance = 1e-6;

Leg last_leg(const Schedule& schedule, double t, FinalAlpha final_alpha) {
  const double end = final_alpha == FinalAlpha::one ? -1.0 : 0.0;
  return {.t = t,
          .t_prev = end,
          .alpha_bar = schedule.alpha_bar_at(t),
          .alpha_bar_prev = schedule.alpha_bar_at(end)};
}

std::vector<double> equal_log_snr(const Schedule& schedule, std::int64_t S) {
  const std::int64_t T = schedule.num_steps();
  check_num_steps(S, T);
  require(!schedule.has_zero_terminal_snr(),
          "tau: log-snr is impossible here, because the log SNR is minus infinity at t = ", T - 1,
          "; choose another tau, such as trailing");
  const double first = log_snr(schedule.alpha_bar(0)), last = log_snr(schedule.alpha_bar(T - 1));
  std::vector<double> tau;
  for (std::int64_t i = 0; i < S; ++i) {
    const double fraction = static_cast<double>(i) / static_cast<double>(S - 1);
    // The ends exactly: rounding must not move them. (A single step is the last one.)
    tau.push_back(i + 1 == S ? static_cast<double>(T - 1)
                  : i == 0   ? 0.0
                             : schedule.t_at_log_snr(first + fraction * (last - first)));
  }
  return tau;
}

}  // namespace

Trajectory make_trajectory(const Schedule& schedule, std::span<const double> tau,
                           FinalAlpha final_alpha) {
  const double last = static_cast<double>(schedule.num_steps() - 1);
  require(!tau.empty(), "tau: the list of steps is empty");
  for (std::size_t i = 0; i < tau.size(); ++i) {
    require(tau[i] >= 0.0 && tau[i] <= last, "tau: ", tau[i],
            " is no step of this process; expected 0 to ", last);
    if (i == 0) continue;
    require(tau[i] > tau[i - 1], "tau: ", tau[i], " comes after ", tau[i - 1],
            "; expected an increasing list");
    require(tau[i] - tau[i - 1] >= kLeastDistance, "tau: ", tau[i], " is less than ",
            kLeastDistance, " above ", tau[i - 1]);
  }
  Trajectory trajectory;
  for (std::size_t i = tau.size(); i-- > 1;) {
    trajectory.legs.push_back({.t = tau[i],
                               .t_prev = tau[i - 1],
                               .alpha_bar = schedule.alpha_bar_at(tau[i]),
                               .alpha_bar_prev = schedule.alpha_bar_at(tau[i - 1])});
  }
  trajectory.legs.push_back(last_leg(schedule, tau[0], final_alpha));
  return trajectory;
}

Trajectory make_trajectory(const Schedule& schedule, std::span<const std::int64_t> tau,
                           FinalAlpha final_alpha) {
  const std::vector<double> real(tau.begin(), tau.end());
  return make_trajectory(schedule, real, final_alpha);
}

Trajectory last_part(Trajectory trajectory, double strength) {
  require(strength > 0.0 && strength <= 1.0, "strength: ", strength,
          "; expected a number above 0 and at most 1");
  auto& legs = trajectory.legs;
  const auto kept_of = [&](double part) {
    return std::lround(part * static_cast<double>(legs.size()));
  };
  const auto kept = kept_of(strength);
  if (kept < 1) {
    constexpr double kPerUnit = 1e6;  // what is shown is to work as it is
    double units = std::round(0.5 / static_cast<double>(legs.size()) * kPerUnit);
    if (kept_of(units / kPerUnit) < 1) ++units;
    const double smallest = units / kPerUnit;
    fail(ErrorCode::user, "strength: ", strength, " of ", legs.size(),
         " steps is less than half a step; the smallest that works is ", smallest);
  }
  legs.erase(legs.begin(), legs.end() - kept);
  return trajectory;
}

namespace {

Trajectory named_trajectory(const Schedule& schedule, TauKind kind, const PlanOptions& options) {
  if (kind == TauKind::log_snr) {
    require(options.steps_offset == 0, "steps_offset works only with tau diffusers-leading; got ",
            options.steps_offset);
    return make_trajectory(schedule, equal_log_snr(schedule, options.steps), options.final_alpha);
  }
  VisitedSteps tau = make_tau(kind, options.steps, schedule.num_steps(), options.steps_offset);
  Trajectory trajectory = make_trajectory(schedule, tau.steps, options.final_alpha);
  trajectory.note = std::move(tau.note);
  if (!tau.stride) return trajectory;
  for (Leg& leg : trajectory.legs) {
    const auto t = static_cast<std::int64_t>(leg.t);
    if (t < *tau.stride) {
      leg = last_leg(schedule, leg.t, options.final_alpha);
    } else {
      leg.t_prev = static_cast<double>(t - *tau.stride);
      leg.alpha_bar_prev = schedule.alpha_bar(t - *tau.stride);
    }
  }
  return trajectory;
}

Trajectory whole_trajectory(const Schedule& schedule, const PlanOptions& options) {
  const auto* list = std::get_if<std::vector<double>>(&options.tau);
  if (options.sampler == Sampler::adaptive) {
    require(list == nullptr, "tau: the sampler adaptive chooses its own steps; leave out the list");
    require(options.steps_offset == 0, "steps_offset: ", options.steps_offset,
            " has no meaning for the sampler adaptive, which chooses its own steps");
    require(options.strength == 1.0, "strength: ", options.strength,
            " has no meaning for the sampler adaptive, which starts at T-1");
    require(schedule.num_steps() >= 2, "sampler: adaptive needs a schedule of at least 2 steps");
    const std::int64_t ends[] = {0, schedule.num_steps() - 1};
    return make_trajectory(schedule, ends, options.final_alpha);
  }
  if (list == nullptr) return named_trajectory(schedule, std::get<TauKind>(options.tau), options);
  require(options.steps_offset == 0, "steps_offset works only with tau diffusers-leading; got ",
          options.steps_offset);
  return make_trajectory(schedule, *list, options.final_alpha);
}

}  // namespace

Trajectory make_trajectory(const Schedule& schedule, const PlanOptions& options) {
  return last_part(whole_trajectory(schedule, options), options.strength);
}

}  // namespace ddim::engine::diffusion
