#pragma once

#include "backend/cpu/conv_choice.h"

namespace ddim::engine::cpu {

// Convolutions as one matrix product, for shapes that Winograd's algorithm is not for.

/// Whether a convolution skips pixels, in bf16 and without a bias for each image.
bool gathered_product_applies(const ConvProblem& problem, const Engine& engine);
/// What the window sees at a pixel is a row of the left factor, rounded to bf16; a block of such
/// rows stays in the second-level cache.
void gathered_product(Engine& engine, const ConvForwardArguments& arguments);

/// Whether a convolution is 3x3 to so few channels that the products of all nine taps fit a panel,
/// and nothing is added but a bias: the network's last layer.
bool scattered_product_applies(const ConvProblem& problem, const Engine& engine);
/// Each pixel is multiplied with the weights of all taps, and an output adds up what its window's
/// pixels have for it. In fp32 always.
void scattered_product(Engine& engine, const ConvForwardArguments& arguments);

/// Whether a convolution is 3x3 between layers of many channels.
bool gathered_weight_gradient_applies(const ConvProblem& problem, const Engine& engine);
/// What the window sees at a pixel is a row [C_in,3,3], and a linear layer's gradient is taken of
/// such rows.
void gathered_weight_gradient(Engine& engine, const ConvBackwardWeightArguments& arguments);

}  // namespace ddim::engine::cpu
