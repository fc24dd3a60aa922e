#pragma once

#include <cstdint>

#include "tensor/kernels.h"

/// The loops of group norm and of sums over pixels: over a block of channels of one image. Sums run
/// over the pixels in memory order, for each channel on its own, so that they do not depend on how
/// the channels were cut into blocks.
namespace ddim::engine::cpu::simd {

/// Channels first .. first+channels-1 of an image, the pointers of an image being at channel
/// `first` of its pixel 0.
struct ChannelBlock {
  std::int64_t pixels;
  std::int64_t pixel_stride;  ///< floats from one pixel to the next: all channels of the tensor
  std::int64_t channels;
};

/// sum[c] = sum over pixels of x, sum_of_squares[c] = of x^2, in double.
void channel_moments(const ChannelBlock& block, const float* x, double* sum,
                     double* sum_of_squares);

/// sum[c] = sum over pixels of x.
void channel_sums(const ChannelBlock& block, const float* x, double* sum);

/// The normalisation of a block, per channel, in the form that loses nothing when x is near the
/// mean:
///   u = u_scale (x - mean) + beta;  u_scale = gamma rstd.
struct ChannelNorm {
  const float* mean;
  const float* u_scale;
  const float* beta;
};

/// A block of channels of an image x and of its norm y, or of their gradients. The rows of the two
/// may differ: x may be a part of what is normalised.
struct NormBlock {
  std::int64_t pixels;
  std::int64_t channels;
  std::int64_t x_stride;  ///< floats from one pixel to the next, of x and dx
  std::int64_t y_stride;  ///< of y and dy
};

/// y = activation(u)
void normalise(const NormBlock& block, const ChannelNorm& norm, Activation activation,
               const float* x, float* y);

/// With du = dy activation'(u): sum_du[c] = sum over pixels of du, sum_du_centred[c] = of
/// du (x - mean).
void norm_gradient_sums(const NormBlock& block, const ChannelNorm& norm, Activation activation,
                        const float* x, const float* dy, double* sum_du, double* sum_du_centred);

/// dx = or += u_scale du + from_centred[c] (x - mean) + constant[c]
struct NormGradient {
  const float* from_centred;
  const float* constant;
};
void norm_gradient(const NormBlock& block, const ChannelNorm& norm, Activation activation,
                   const NormGradient& gradient, const float* x, const float* dy, Write mode,
                   float* dx);

}  // namespace ddim::engine::cpu::simd
