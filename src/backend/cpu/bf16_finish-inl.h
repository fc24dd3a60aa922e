#pragma once

// How sums of bf16 products are written, for the files that are compiled for AVX-512 BF16.

#include <immintrin.h>

#include <cstdint>

namespace ddim::engine::cpu::bf16 {
namespace {

constexpr std::int64_t kLanes = 16;
constexpr std::int64_t kColumns = 2 * kLanes;  // kPanel: two vectors
constexpr std::int64_t kPairBytes = 4;
constexpr std::int64_t kPanelRowBytes = kColumns * kPairBytes;

/// The lanes of columns first, first+1, ... that exist.
__mmask16 existing(std::int64_t num_columns, std::int64_t first) {
  const std::int64_t count = num_columns - first;
  if (count >= kLanes) return 0xFFFF;
  return static_cast<__mmask16>(count <= 0 ? 0 : (1U << count) - 1U);
}

/// Writes a vector of sums to `c`; addends are null or stand where it does.
void finish(const float* bias, const float* residual, bool accumulate, __mmask16 exists, __m512 sum,
            float* c) {
  if (bias != nullptr) sum = _mm512_add_ps(sum, _mm512_maskz_loadu_ps(exists, bias));
  if (residual != nullptr) sum = _mm512_add_ps(sum, _mm512_maskz_loadu_ps(exists, residual));
  if (accumulate) sum = _mm512_add_ps(sum, _mm512_maskz_loadu_ps(exists, c));
  _mm512_mask_storeu_ps(c, exists, sum);
}

}  // namespace
}  // namespace ddim::engine::cpu::bf16
