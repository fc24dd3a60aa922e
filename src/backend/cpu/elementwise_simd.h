#pragma once

#include <cstdint>
#include <span>

#include "tensor/kernels.h"

/// Loops over n consecutive floats; index i is left out of the formulas. Outputs may be inputs.
namespace ddim::engine::cpu::simd {

/// y = value
void fill(float value, float* y, std::int64_t n);
/// y = a + b
void add(const float* a, const float* b, float* y, std::int64_t n);
/// y = x or y += x
void accumulate(const float* x, Write mode, float* y, std::int64_t n);
/// y = or += factor x
void scale(float factor, const float* x, Write mode, float* y, std::int64_t n);
/// y = activation(x)
void activate(Activation activation, const float* x, float* y, std::int64_t n);
/// dx = or += dy * activation'(x)
void activate_backward(Activation activation, const float* x, const float* dy, Write mode,
                       float* dx, std::int64_t n);
/// y = a x + b z
void mix(float a, const float* x, float b, const float* z, float* y, std::int64_t n);
/// dprediction = or += factor * (prediction - target)
void scaled_difference(const float* prediction, const float* target, float factor, Write mode,
                       float* dprediction, std::int64_t n);
/// See SamplerUpdate. z and x0_pred may be null. NaN passes through the clipping.
void sampler_update(const SamplerUpdate& update, const float* x_t, const float* output,
                    const float* z, float* y, float* x0_pred, std::int64_t n);
/// y = sum_k factors[k] terms[k], added up from k = 0
void linear_combination(std::span<const float> factors, const float* const* terms, float* y,
                        std::int64_t n);

}  // namespace ddim::engine::cpu::simd
