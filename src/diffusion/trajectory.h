#pragma once

#include <ddim/plan.h>

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "diffusion/schedule.h"
#include "diffusion/tau.h"

namespace ddim::engine::diffusion {

/// Where a step begins and where it leads.
struct Leg {
  double t = 0.0;
  double t_prev = -1.0;  ///< -1: the clean image
  double alpha_bar = 1.0;
  double alpha_bar_prev = 1.0;
};

/// The way of a sampler from noise to image, in the order it is gone: t falls. The end of each leg
/// is the beginning of the next, but in diffusers' own lists.
struct Trajectory {
  std::vector<Leg> legs = {};
  std::string note = {};  ///< one sentence when it is not what was asked for; mostly empty
};

/// Over a list that somebody wrote: strictly increasing, each entry real and in 0..T-1, entries at
/// least 1e-6 apart. Error(user) naming the entry otherwise.
Trajectory make_trajectory(const Schedule& schedule, std::span<const double> tau,
                           FinalAlpha final_alpha = FinalAlpha::one);
Trajectory make_trajectory(const Schedule& schedule, std::span<const std::int64_t> tau,
                           FinalAlpha final_alpha = FinalAlpha::one);

/// The way from the middle: its last legs, round(strength * legs) of them.
/// Error(user) unless 0 < strength <= 1, and for a strength that leaves none.
Trajectory last_part(Trajectory trajectory, double strength);

/// The way that options ask for: over a tau with a name or a custom one, or for Sampler::adaptive
/// from T-1 to 0; its last part where options.strength is below 1. Error(user) for what make_tau()
/// refuses, for log_snr where the schedule's terminal SNR is zero, and for a custom tau or a
/// strength beside Sampler::adaptive.
Trajectory make_trajectory(const Schedule& schedule, const PlanOptions& options);

}  // namespace ddim::engine::diffusion
