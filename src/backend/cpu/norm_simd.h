#pragma once

#include <cstdint>

#include "tensor/kernels.h"

/// The loops of group norm and of sums over pixels: over a block of channels of one image. Sums run
/// over the pixels in memory order, for each channel on its own, so that they do not depend on how
/// the channels were cut into blocks.
namespace ddim::cpu::simd {

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

/// y = activation(scale[c] x + shift[c])
void channel_affine(const ChannelBlock& block, const float* x, const float* scale,
                    const float* shift, Activation activation, float* y);

/// Per channel, for the gradient:
///   x_hat = x_hat_scale x + x_hat_shift,  u = u_scale x + u_shift,  du = dy activation'(u).
struct NormChannels {
  const float* x_hat_scale;
  const float* x_hat_shift;
  const float* u_scale;
  const float* u_shift;
};

/// sum_du[c] = sum over pixels of du, sum_du_x_hat[c] = of du x_hat.
void norm_gradient_sums(const ChannelBlock& block, const NormChannels& norm, Activation activation,
                        const float* x, const float* dy, double* sum_du, double* sum_du_x_hat);

/// dx = or += from_du[c] du + from_x[c] x + constant[c]
struct NormGradient {
  const float* from_du;
  const float* from_x;
  const float* constant;
};
void norm_gradient(const ChannelBlock& block, const NormChannels& norm, Activation activation,
                   const NormGradient& gradient, const float* x, const float* dy, Write mode,
                   float* dx);

}  // namespace ddim::cpu::simd
