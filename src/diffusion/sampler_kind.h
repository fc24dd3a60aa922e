#pragma once

#include <span>
#include <string_view>

namespace ddim::diffusion {

/// The rules for going from one step of a trajectory to the next. With noise level
/// s = sqrt((1 - alpha_bar) / alpha_bar) and y = x / sqrt(alpha_bar):
enum class SamplerKind {
  ddim,        ///< eq. 12: the eta family, and sigma-hat
  ddpm_small,  ///< Ho et al.'s posterior mean, its variance beta-tilde ("fixed small")
  ddpm_large,  ///< the same mean, variance beta ("fixed large"); no noise in the last step
  euler,       ///< eq. 13 as Euler's method for dy = eps ds; with eta: Euler-ancestral
  euler_t,     ///< eq. 15: Euler's method for the same flow in dt
  ab1,         ///< Adams-Bashforth of order 1 to 4 for dy = eps ds, with unequal steps
  ab2,
  ab3,
  ab4,
  heun,      ///< Heun's method of order 2 for dy = eps ds: two calls a step (Karras et al. 2022)
  dpmpp_2m,  ///< DPM-Solver++(2M) (Lu et al. 2022)
  dpmpp_3m,  ///< the same of order 3
  unipc,     ///< UniPC, B2(h): predictor of order 2 and corrector: order 3 (Zhao et al. 2023)
  adaptive,  ///< embedded pair 3(2) of Bogacki and Shampine for dy = eps ds, with a tolerance
};

/// Every kind, in the order above.
std::span<const SamplerKind> sampler_kinds();

/// "ddim", "ddpm-small", "euler-t", "dpmpp-2m": how commands and recipes spell it.
std::string_view to_string(SamplerKind kind);

}  // namespace ddim::diffusion
