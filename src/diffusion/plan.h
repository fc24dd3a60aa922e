#pragma once

#include <cstdint>
#include <span>
#include <variant>
#include <vector>

#include "diffusion/schedule.h"
#include "tensor/kernels.h"

namespace ddim::diffusion {

/// Noise of standard deviation sigma(eta), eq. 16: 0 is DDIM, 1 is DDPM.
struct EtaNoise {
  double eta = 0.0;
};

/// D.3's other rule: mean and direction as with eta = 1, noise of standard deviation sigma-hat. The
/// direction does not shrink to match, so the marginals are not kept and no eta is equal to it. The
/// last step adds no noise, as in the official code, which makes these results with
/// Clip::rederive_eps.
struct SigmaHatNoise {};

/// One or the other; they cannot be combined.
using NoiseRule = std::variant<EtaNoise, SigmaHatNoise>;

/// What happens to the predicted x_0 (eq. 9) before it is used. Three samplers that others give one
/// name; the official DDIM sampler does not clip.
enum class Clip {
  none,
  keep_eps,      ///< clamp x0_pred; the direction uses the network's eps (diffusers' default)
  rederive_eps,  ///< clamp x0_pred; the direction uses the eps that leads from it to x_t
};

struct PlanOptions {
  NoiseRule noise = EtaNoise{};
  Clip clip = Clip::none;
  double clip_range = 1.0;  ///< x0_pred is clamped to [-clip_range, clip_range]; positive
};

/// From x_t to x_{t_prev} (eq. 12).
struct Step {
  std::int64_t t = 0;
  std::int64_t t_prev = -1;  ///< the entry before in tau; -1 is the clean image
  double alpha_bar = 1.0;
  double alpha_bar_prev = 1.0;
  double sigma = 0.0;         ///< standard deviation of the noise added
  SamplerUpdate update = {};  ///< the same as coefficients of the kernel
};

/// Everything about a sampling run that does not depend on the network or the images.
struct Plan {
  std::vector<Step> steps = {};  ///< in the order they are taken: t falls
  PlanOptions options = {};

  /// Network evaluations per image.
  std::int64_t nfe() const { return static_cast<std::int64_t>(steps.size()); }
};

/// The generalised sampler over `tau` (strictly increasing, 0-based). All that can be wrong with a
/// run's numbers is found here: throws Error(user) when tau is empty, not increasing or outside
/// 0..T-1; eta is negative, not finite, or so large that 1 - alpha_bar_prev - sigma^2 < 0 somewhere
/// (the message says how large it may be for this tau); clip_range is not positive.
Plan make_plan(const Schedule& schedule, std::span<const std::int64_t> tau,
               const PlanOptions& options = {});

/// The largest eta that make_plan accepts for this tau; infinite for a single step.
double largest_eta(const Schedule& schedule, std::span<const std::int64_t> tau);

}  // namespace ddim::diffusion
