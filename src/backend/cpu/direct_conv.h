#pragma once

#include "backend/cpu/conv_choice.h"

namespace ddim::engine::cpu {

// Convolutions as oneDNN computes them: sums over the window.

/// Always.
bool direct_conv_applies(const ConvProblem& problem, const Engine& engine);

void direct_conv(Engine& engine, const ConvForwardArguments& arguments);
void direct_conv(Engine& engine, const ConvBackwardInputArguments& arguments);
/// On one thread whatever the device has: oneDNN would divide the sum over pixels among threads.
/// Training runs in parallel over shards of the batch.
void direct_conv(Engine& engine, const ConvBackwardWeightArguments& arguments);

}  // namespace ddim::engine::cpu
