#pragma once

#include "backend/cpu/conv_choice.h"

namespace ddim::engine::cpu {

// Convolutions of 3x3 for processors that multiply tiles of bf16 (AMX), about fifteen times as fast
// as floats: there a transform of the pixels, as Winograd's algorithm has, costs more than all the
// products that it saves. A band of the image is rounded, with a border of zeros, and multiplied
// where it lies with each tap of the weights, shifted by the tap's place.

/// Whether precision is bf16, the processor has AMX, and the convolution is 3x3 without strides and
/// reads whole tiles of channels.
bool shifted_products_apply(const ConvProblem& problem, const Engine& engine);
void shifted_products(Engine& engine, const ConvForwardArguments& arguments);
void shifted_products(Engine& engine, const ConvBackwardInputArguments& arguments);
/// The gradient of a tap: the transposed image, shifted, times dy. Sums in fp32.
void shifted_products(Engine& engine, const ConvBackwardWeightArguments& arguments);

}  // namespace ddim::engine::cpu
