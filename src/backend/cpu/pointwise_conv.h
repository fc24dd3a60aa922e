#pragma once

#include "backend/cpu/conv_choice.h"

namespace ddim::engine::cpu {

// Convolutions that see one pixel, as a matrix product (linear_product.h).

/// Whether they are one in bf16, of an x in one part: in fp32 oneDNN is as fast.
bool pointwise_product_applies(const ConvProblem& problem, const Engine& engine);
void pointwise_product(Engine& engine, const ConvForwardArguments& arguments);
void pointwise_product(Engine& engine, const ConvBackwardInputArguments& arguments);

// Those of two parts, always: blocks of their rows are put side by side in scratch that stays in
// the second-level cache, and nobody writes the whole.

bool product_of_parts_applies(const ConvProblem& problem, const Engine& engine);
void product_of_parts(Engine& engine, const ConvForwardArguments& arguments);
void product_of_parts(Engine& engine, const ConvBackwardInputArguments& arguments);
void product_of_parts(Engine& engine, const ConvBackwardWeightArguments& arguments);

}  // namespace ddim::engine::cpu
