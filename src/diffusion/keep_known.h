#pragma once

#include <span>

#include "diffusion/sampler.h"

namespace ddim::engine::diffusion {

/// Inpainting: a denoiser that knows a part of the image. At kept pixels it returns what a network
/// would that knows their x_0, at all others what `denoiser` returns:
///   eps = (x_t - sqrt(alpha_bar) x_0) / sqrt(1 - alpha_bar).
/// So every sampler takes the kept pixels down the inference process of their true values (eq. 7)
/// and in each step re-noises them to x_{t-1}; what the network sees around them fits. `known`
/// [N,H,W,C]; `kept` [H*W] is 1 where a pixel is kept, 0 where it is drawn, and
/// between them the part of it that is kept. `schedule` and `denoiser` must
/// outlive the result.
Denoiser keep_known(const Schedule& schedule, Prediction prediction, const Denoiser& denoiser,
                    const Tensor& known, std::span<const double> kept);

/// x with the kept pixels of `known`, to the bit.
Tensor restore_known(const Tensor& x, const Tensor& known, std::span<const double> kept);

}  // namespace ddim::engine::diffusion
