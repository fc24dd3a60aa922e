#pragma once

#include <string>

#include "ddim/export.h"
#include "ddim/plan.h"

namespace ddim {

/// A sampler set up as others set it up. `options` are complete but for the number of steps and
/// eta, which stay free.
struct Preset {
  PlanOptions options = {};
  std::string description = {};  ///< one line: what is in force
};

/// What diffusers' DDIMScheduler does when it is made from the model's scheduler file, whatever
/// scheduler class wrote that: its list of steps, each of which leads to t - floor(T/S); the
/// predicted x_0 clipped or thresholded as the file says, eps as the network returned it; the last
/// step to the clean image or, without set_alpha_to_one, only to the first training step.
/// Error(user) for a spacing that diffusers does not know.
DDIM_API Preset as_diffusers(const Model& model);

/// What the DDIM paper describes: steps with equal distances up to T-1, nothing clipped, the last
/// step to the clean image. The description says so when the scheduler file differs.
DDIM_API Preset as_paper(const Model& model);

}  // namespace ddim
