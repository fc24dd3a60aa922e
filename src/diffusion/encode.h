#pragma once

#include <cstddef>
#include <functional>
#include <span>
#include <vector>

#include "diffusion/prediction.h"
#include "diffusion/sampler.h"

namespace ddim::engine::diffusion {

/// One DDIM step taken upwards, from x_{t_prev} to x_t: eq. 13 solved for x_t,
///   x_t = x_from_prev x_prev + x_from_eps eps,
///   x_from_prev = sqrt(alpha_bar / alpha_bar_prev),
///   x_from_eps  = sqrt(1 - alpha_bar) - x_from_prev sqrt(1 - alpha_bar_prev).
struct EncodeStep {
  double t_prev = 0.0;  ///< 0 at least: what a network is asked about
  double t = 0.0;
  double x_from_prev = 1.0;
  double x_from_eps = 0.0;
  FromOutput eps_at_prev = {};  ///< eps from the network's output at (x_prev, t_prev)
  FromOutput eps_at_t = {};     ///< and at (x_t, t)
  SamplerUpdate down = {};      ///< the sampler's step that it undoes
};

/// The steps of `plan` the other way round. A picture is taken as the state at t = 0, whose noise
/// is the least that a network knows: the plan's last step must lead there (FinalAlpha::first) and
/// not to the clean image, since no network undoes its own last guess. Steps that do not move (from
/// t = 0 to alpha_bar(0)) are left out. Error(user) for another plan: with noise, clipping or a
/// sampler other than ddim, or steps that do not meet.
std::vector<EncodeStep> make_encoding(const Plan& plan);

/// What an observer of an encoding is told: `step` was taken to `x_t`, which changes with the next.
struct EncodeReport {
  std::size_t index;  ///< 0 .. steps - 1
  const EncodeStep& step;
  const Tensor& x_t;
};
using EncodeObserver = std::function<Flow(const EncodeReport&)>;

/// Encodes images x_0 [N,...] as the noise x_T that eq. 14, integrated upwards by Euler's method,
/// takes them to: each step uses eps(x_prev, t_prev), the network where the image is. Sampling with
/// the same plan leads back to x_0 up to the error of both integrations (section 5.4, table 2). x_0
/// itself is left as it is. Error(numeric) for NaN or infinity, Error(interrupted) when the
/// observer says stop.
Tensor encode(std::span<const EncodeStep> steps, const Denoiser& denoiser, const Tensor& x_0,
              const EncodeObserver& observer = {});

}  // namespace ddim::engine::diffusion
