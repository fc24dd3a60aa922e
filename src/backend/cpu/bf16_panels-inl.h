#pragma once

// Panels in vectors, for the files that are compiled for AVX-512 BF16.

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

}  // namespace
}  // namespace ddim::engine::cpu::bf16
