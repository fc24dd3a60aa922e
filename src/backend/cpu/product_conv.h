#pragma once

#include <ddim/precision.h>
#include "tensor/kernels.h"

namespace ddim::cpu {

class Engine;

// Convolutions as one matrix product, for shapes that Winograd's algorithm is not for. Images that
// they make depend on an image alone, bit for bit, and the choice on the shape of one image.

/// Whether gathered_conv2d() computes a convolution: one that skips pixels, where products are of
/// bf16, without a bias for each image.
bool gathered_conv_applies(Precision precision, const ConvGeometry& geometry, std::int64_t c_in,
                           const ConvAddends& addends);
/// Kernels::conv2d. What the window sees at a pixel is a row of the left factor, rounded to bf16; a
/// block of such rows stays in the second-level cache.
void gathered_conv2d(Engine& engine, const Tensor& x, const Tensor& weight,
                     const ConvAddends& addends, const ConvGeometry& geometry, Tensor& y);

/// Whether scattered_conv2d() computes a convolution: 3x3 to so few channels that the products of
/// all nine taps fit a panel, and nothing is added but a bias. The network's last layer, which is
/// in fp32 always.
bool scattered_conv_applies(const ConvGeometry& geometry, std::int64_t c_in, std::int64_t c_out,
                            const ConvAddends& addends);
/// Kernels::conv2d. Each pixel is multiplied with the weights of all taps, and an output adds up
/// what its window's pixels have for it.
void scattered_conv2d(Engine& engine, const Tensor& x, const Tensor& weight,
                      const ConvAddends& addends, const ConvGeometry& geometry, Tensor& y);

/// Whether gathered_weight_gradient() computes the gradient of a convolution's weights: 3x3
/// between layers of many channels. It is for what Winograd's algorithm leaves.
bool gathered_weight_gradient_applies(const ConvGeometry& geometry, std::int64_t c_in,
                                      std::int64_t c_out);
/// dweight [C_out,C_in,3,3] = or += the gradient, in fp32: what the window sees at a
/// pixel is a row [C_in,3,3], and a linear layer's gradient is taken of such rows.
void gathered_weight_gradient(Engine& engine, const Tensor& x, const Tensor& dy,
                              const ConvGeometry& geometry, Grad dweight);

}  // namespace ddim::cpu
