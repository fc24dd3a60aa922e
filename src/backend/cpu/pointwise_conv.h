#pragma once

#include "tensor/kernels.h"

namespace ddim::cpu {

class Engine;

// Pointwise convolutions of two parts, as one matrix product: blocks of their rows are put side by
// side in scratch that stays in the second-level cache, and nobody writes the whole.

/// Kernels::conv2d.
void pointwise_conv2d(Engine& engine, const ChannelParts& x, const Tensor& weight,
                      const ConvAddends& addends, Tensor& y);
/// Kernels::conv2d_backward_input.
void pointwise_backward_input(Engine& engine, const Tensor& dy, const Tensor& weight,
                              const ChannelGrads& dx);
/// The dweight of Kernels::conv2d_backward_weight.
void pointwise_backward_weight(Engine& engine, const ChannelParts& x, const Tensor& dy,
                               Grad dweight);

}  // namespace ddim::cpu
