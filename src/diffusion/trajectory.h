#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "diffusion/schedule.h"
#include "diffusion/tau.h"

namespace ddim::diffusion {

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

/// Where the last step leads.
enum class FinalAlpha {
  one,    ///< to the clean image, alpha_bar_prev = 1
  first,  ///< only to alpha_bar(0): diffusers' set_alpha_to_one = false
};

/// Over a list that somebody wrote: strictly increasing, each entry real and in 0..T-1, entries at
/// least 1e-6 apart. Error(user) naming the entry otherwise.
Trajectory make_trajectory(const Schedule& schedule, std::span<const double> tau,
                           FinalAlpha final_alpha = FinalAlpha::one);
Trajectory make_trajectory(const Schedule& schedule, std::span<const std::int64_t> tau,
                           FinalAlpha final_alpha = FinalAlpha::one);

/// The way from the middle: its last legs, round(strength * legs) of them and at least one.
/// Error(user) unless 0 < strength <= 1.
Trajectory last_part(Trajectory trajectory, double strength);

struct TrajectoryOptions {
  TauKind kind = TauKind::linear;
  std::int64_t num_steps = 50;
  FinalAlpha final_alpha = FinalAlpha::one;
  /// Of TauKind::diffusers_leading, which adds it to each t; 0 for all others.
  std::int64_t steps_offset = 0;
};
/// Over a list that has a name. Error(user) for what make_tau() refuses, and for log_snr where the
/// schedule's terminal SNR is zero.
Trajectory make_trajectory(const Schedule& schedule, const TrajectoryOptions& options);

}  // namespace ddim::diffusion
