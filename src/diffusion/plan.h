#pragma once

#include <ddim/plan.h>

#include <cstdint>
#include <span>

#include "diffusion/schedule.h"
#include "diffusion/trajectory.h"

namespace ddim::engine::diffusion {

/// The plan of one sampler for a network that returns `prediction`. All that can be wrong with a
/// run's numbers is found here: throws Error(user) as make_trajectory() does, and when eta is
/// negative, not finite, given to a sampler without one, or so large that
/// 1 - alpha_bar_prev - sigma^2 < 0 somewhere (the message says how large it may be); sigma-hat is
/// asked of a sampler other than ddim; the clip's numbers or the tolerance are out of range;
/// clipping would have no effect in this sampler; alpha_bar is 0 where the network predicts eps or
/// the sampler works with noise levels; a trajectory of diffusers, whose steps do not meet, or a
/// last step that does not end at the clean image is given to a sampler that needs that.
Plan make_plan(const Schedule& schedule, Prediction prediction, const PlanOptions& options);
/// The same over a given trajectory, whatever the options say of it.
Plan make_plan(const Schedule& schedule, Prediction prediction, const Trajectory& trajectory,
               const PlanOptions& options);
/// The same over `tau`, strictly increasing and counted from 0, down to the clean image.
Plan make_plan(const Schedule& schedule, std::span<const std::int64_t> tau,
               const PlanOptions& options = {}, Prediction prediction = Prediction::eps);

/// The largest eta that make_plan accepts for this tau; infinite for a single step.
double largest_eta(const Schedule& schedule, std::span<const std::int64_t> tau);

}  // namespace ddim::engine::diffusion
