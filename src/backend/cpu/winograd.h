#pragma once

#include "tensor/kernels.h"

namespace ddim::cpu {

class Engine;

/// Whether a convolution and the gradient of its input are computed by Winograd's algorithm
/// (winograd_simd.h): 3x3, stride 1, padding 1, whole blocks of channels, and images large enough
/// that larger weights pay, or an upsampling before it. The answer depends on the shape of one
/// image alone, never on the batch or the load: it decides the bits. DDIM_CONV=direct forbids it.
///
/// Gradients take tiles of 4x4, and so does the convolution itself between wide layers. Those
/// transforms cost half a digit (relative error 3e-6 in place of 1e-6), and a trajectory of a few
/// large steps multiplies that: between narrow layers the convolution takes tiles of 2x2, which
/// keep float32's accuracy. So do the smallest images.
bool winograd_applies(const ConvGeometry& geometry, std::int64_t height, std::int64_t width,
                      std::int64_t c_in, std::int64_t c_out);
/// The same for the gradient of the weights.
bool winograd_weight_gradient_applies(const ConvGeometry& geometry, std::int64_t height,
                                      std::int64_t width, std::int64_t c_in, std::int64_t c_out);

/// Kernels::conv2d and its gradients for convolutions that the rule above names.
void winograd_conv2d(Engine& engine, const Tensor& x, const Tensor& weight,
                     const ConvAddends& addends, const ConvGeometry& geometry, Tensor& y);
void winograd_backward_input(Engine& engine, const Tensor& dy, const Tensor& weight,
                             const ConvGeometry& geometry, Grad dx);
void winograd_backward_weight(Engine& engine, const Tensor& x, const Tensor& dy,
                              const ConvGeometry& geometry, Grad dweight);

}  // namespace ddim::cpu
