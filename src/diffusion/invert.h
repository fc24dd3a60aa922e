#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "diffusion/encode.h"

namespace ddim::engine::diffusion {

struct InvertOptions {
  /// An image's step is done when F(x_t) is as near to x_prev in every element.
  double tolerance = 3e-7;
  int max_calls = 50;  ///< of the network, for each step
};

struct Inverted {
  Tensor x_T;  ///< of x_0's shape
  /// Per image: network calls that it needed, over all steps.
  std::vector<std::int64_t> num_calls;
  /// Per image: the largest |F(x_t) - x_prev| that was left in any step and element. Above the
  /// tolerance where a step has no inverse that float numbers can express.
  std::vector<double> residuals;
};

/// Encodes x_0 [N,...] exactly: undoes the sampler's steps F one by one, so that sampling from x_T
/// with the same plan comes back to x_0 to float accuracy. Step by step,
/// x_t = x_from_prev x_prev + x_from_eps eps(x_t, t), a fixed-point equation for x_t, is solved
/// from Euler's guess by Anderson's method; the best x_t that was met is kept. What becomes of an
/// image does not depend on the others. Errors as encode(), Error(user) where alpha_bar is 0, for
/// nothing of x_t leads back from there, and Error(numeric) where all x_t that are tried overflow.
Inverted invert(std::span<const EncodeStep> steps, const Denoiser& denoiser, const Tensor& x_0,
                const InvertOptions& options = {}, const EncodeObserver& observer = {});

}  // namespace ddim::engine::diffusion
