#pragma once

#include <cstdint>

/// Reductions over n consecutive floats, in an order that depends on n and the instruction set.
namespace ddim::engine::cpu::simd {

/// Sum of (a - b)^2, in double.
double squared_distance(const float* a, const float* b, std::int64_t n);
/// Sum of x^2, in double.
double sum_of_squares(const float* x, std::int64_t n);
/// Whether no element is NaN or infinite.
bool all_finite(const float* x, std::int64_t n);

}  // namespace ddim::engine::cpu::simd
