#pragma once

#include "backend/cpu/conv_choice.h"

namespace ddim::engine::cpu {

// Convolutions by Winograd's algorithm (winograd_simd.h).

/// Whether it serves a convolution and the gradient of its input: 3x3, stride 1, padding 1, whole
/// blocks of channels, and images large enough that larger weights pay, or an upsampling before it.
/// DDIM_CONV=direct forbids it.
bool winograd_applies(const ConvProblem& problem, const Engine& engine);

// Whether it does, and the convolution is one ...

bool winograd_upsample_applies(const ConvProblem& problem, const Engine& engine);
/// ... of so small images that transformed weights cost more than the products save.
bool winograd_of_small_applies(const ConvProblem& problem, const Engine& engine);
/// ... of larger ones.
bool winograd_of_large_applies(const ConvProblem& problem, const Engine& engine);
/// ... of many input channels, in bf16.
bool winograd_of_wide_applies(const ConvProblem& problem, const Engine& engine);
/// ... of few channels, where the accuracy of small tiles is wanted: not in gradients of fp32.
bool winograd_of_narrow_applies(const ConvProblem& problem, const Engine& engine);

// With the tiles that they are named for. Products are of the engine's precision, those of f4x4 and
// of all gradients of weights in fp32.

void winograd_upsample(Engine& engine, const ConvForwardArguments& arguments);
void winograd_f2x2(Engine& engine, const ConvForwardArguments& arguments);
void winograd_f2x4(Engine& engine, const ConvForwardArguments& arguments);
void winograd_f4x4(Engine& engine, const ConvForwardArguments& arguments);

void winograd_upsample(Engine& engine, const ConvBackwardInputArguments& arguments);
void winograd_f2x2(Engine& engine, const ConvBackwardInputArguments& arguments);
void winograd_f2x4(Engine& engine, const ConvBackwardInputArguments& arguments);
void winograd_f4x4(Engine& engine, const ConvBackwardInputArguments& arguments);

void winograd_upsample(Engine& engine, const ConvBackwardWeightArguments& arguments);
void winograd_f4x4(Engine& engine, const ConvBackwardWeightArguments& arguments);

}  // namespace ddim::engine::cpu
