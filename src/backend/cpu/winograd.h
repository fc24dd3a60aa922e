#pragma once

#include "tensor/kernels.h"

namespace ddim::cpu {

class Engine;

/// Whether the gradients of a convolution are computed by Winograd's F(4x4,3x3) (winograd_simd.h):
/// 3x3, stride 1, padding 1, whole blocks of channels, and images large enough that four times the
/// weights pay. The answer depends on the shape of one image alone, never on the batch or the load:
/// it decides the bits.
bool winograd_gradient_applies(const ConvGeometry& geometry, std::int64_t height,
                               std::int64_t width, std::int64_t c_in, std::int64_t c_out);

/// Whether the convolution itself is: as above, and only between wide layers. The transforms cost
/// half a digit (relative error 3e-6 in place of 1e-6). A trajectory of a few large steps
/// multiplies that, so narrow networks, for which direct convolution is fast enough, keep float32's
/// accuracy.
bool winograd_applies(const ConvGeometry& geometry, std::int64_t height, std::int64_t width,
                      std::int64_t c_in, std::int64_t c_out);

/// Kernels::conv2d and its gradients for convolutions that the rules above name.
void winograd_conv2d(Engine& engine, int num_threads, const Tensor& x, const Tensor& weight,
                     const ConvAddends& addends, Tensor& y);
void winograd_backward_input(Engine& engine, int num_threads, const Tensor& dy,
                             const Tensor& weight, Grad dx);
void winograd_backward_weight(Engine& engine, int num_threads, const Tensor& x, const Tensor& dy,
                              Grad dweight);

}  // namespace ddim::cpu
