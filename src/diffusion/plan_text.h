#pragma once

#include <string>

#include "diffusion/plan.h"

namespace ddim::diffusion {

/// A line per step for people: t, t_prev, sqrt(alpha_bar), signal-to-noise ratio
/// alpha_bar / (1 - alpha_bar), sigma; then the number of network calls.
std::string to_table(const Plan& plan);

/// The same as one JSON object, numbers with all their digits:
///   {"sampler": name, "noise": "eta" | "sigma-hat", "eta": number (left out for sigma-hat),
///    "prediction": "eps" | "x0" | "v", "clip": name, "nfe": S, "steps": [{"t", "t_prev",
///    "sqrt_alpha_bar", "snr", "sigma"}]}
/// The sampler adaptive has "tolerance" and "nfe_at_most" in place of "nfe".
std::string to_json(const Plan& plan);

}  // namespace ddim::diffusion
