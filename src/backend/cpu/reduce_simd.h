#pragma once

#include <cstdint>

#include "tensor/kernels.h"

/// Reductions; those over n consecutive floats in an order that depends on n and the instruction
/// set.
namespace ddim::engine::cpu::simd {

/// Sum of (a - b)^2, in double.
double squared_distance(const float* a, const float* b, std::int64_t n);
/// Sum of x^2, in double.
double sum_of_squares(const float* x, std::int64_t n);
/// Whether no element is NaN or infinite.
bool all_finite(const float* x, std::int64_t n);

/// sums[c] = or += sum over rows of x[r,c], first row to last, whatever num_columns is.
void column_sums(const float* x, std::int64_t num_rows, std::int64_t row_stride,
                 std::int64_t num_columns, Write mode, float* sums);

}  // namespace ddim::engine::cpu::simd
