#include "backend/cpu/bf16_x86.h"

// This file and bf16_amx.cpp are compiled for instructions that Debian's Highway does not know.
// They include nothing of ours but their declarations and what is static: an inline function
// compiled here could be the copy that the linker keeps for everyone.
#include <immintrin.h>

#include "backend/cpu/bf16_panels-inl.h"

namespace ddim::engine::cpu::bf16 {
namespace {

/// Pairs of rows of a panel between what is multiplied and what is asked for: panels come from the
/// last-level cache or from memory.
constexpr std::int64_t kPairsAhead = 8;

__m512bh load_pairs(const char* from) { return (__m512bh)_mm512_loadu_si512(from); }
__m512bh repeat_pair(const char* from) {
  int pair = 0;
  __builtin_memcpy(&pair, from, sizeof(pair));
  return (__m512bh)_mm512_set1_epi32(pair);
}

/// Writes a vector of sums to `c`; addends are null or stand where it does.
void finish(const float* bias, const float* addend, __mmask16 exists, __m512 sum, float* c) {
  if (bias != nullptr) sum = _mm512_add_ps(sum, _mm512_maskz_loadu_ps(exists, bias));
  if (addend != nullptr) sum = _mm512_add_ps(sum, _mm512_maskz_loadu_ps(exists, addend));
  _mm512_mask_storeu_ps(c, exists, sum);
}

/// kRows rows of kPanels panels, whose sums stay in registers: without the pragmas they are cleared
/// and finished in memory.
template <int kRows, int kPanels>
void multiply_rows(const PairProduct& p, std::int64_t first_panel, std::int64_t first_row) {
  constexpr int kVectors = 2 * kPanels;
  __m512 sum[kRows][kVectors];
#pragma GCC unroll 16
  for (int row = 0; row < kRows; ++row) {
#pragma GCC unroll 4
    for (int i = 0; i < kVectors; ++i) sum[row][i] = _mm512_setzero_ps();
  }
  const std::int64_t row_bytes = p.a_row_bytes;
  const char* a = static_cast<const char*>(p.a) + first_row * row_bytes;
  const char* b = static_cast<const char*>(p.b) + first_panel * p.b_panel_bytes;
  const std::int64_t panel_bytes = p.b_panel_bytes;
  for (std::int64_t k = 0; k < p.num_pairs; ++k, a += kPairBytes, b += kPanelRowBytes) {
    __m512bh b_k[kVectors];
#pragma GCC unroll 4
    for (int i = 0; i < kVectors; ++i) {
      const char* const part = b + i / 2 * panel_bytes + i % 2 * kLanes * kPairBytes;
      b_k[i] = load_pairs(part);
      _mm_prefetch(part + kPairsAhead * kPanelRowBytes, _MM_HINT_T0);
    }
#pragma GCC unroll 16
    for (int row = 0; row < kRows; ++row) {
      const __m512bh a_row = repeat_pair(a + row * row_bytes);
#pragma GCC unroll 4
      for (int i = 0; i < kVectors; ++i) sum[row][i] = _mm512_dpbf16_ps(sum[row][i], a_row, b_k[i]);
    }
  }
#pragma GCC unroll 4
  for (int i = 0; i < kVectors; ++i) {
    const std::int64_t column = (first_panel * 2 + i) * kLanes;
    const __mmask16 exists = existing(p.num_columns, column);
    const float* const bias = p.bias == nullptr ? nullptr : p.bias + column;
    const std::int64_t first =
        first_row * p.c_row_stride + (first_panel + i / 2) * p.c_panel_stride + i % 2 * kLanes;
#pragma GCC unroll 16
    for (int row = 0; row < kRows; ++row) {
      const std::int64_t at = first + row * p.c_row_stride;
      finish(bias, p.addend == nullptr ? nullptr : p.addend + at, exists, sum[row][i], p.c + at);
    }
  }
}

/// Rows row, row+1, ... in slices of kRows as long as there are so many; returns the next row.
template <int kRows, int kPanels>
std::int64_t multiply_slices(const PairProduct& p, std::int64_t first_panel, std::int64_t row) {
  for (; row + kRows <= p.num_rows; row += kRows)
    multiply_rows<kRows, kPanels>(p, first_panel, row);
  return row;
}

/// All rows of kPanels panels, in slices of most_rows rows, then 4, then 1.
template <int kMostRows, int kPanels>
void multiply_panels(const PairProduct& p, std::int64_t first_panel) {
  std::int64_t row = multiply_slices<kMostRows, kPanels>(p, first_panel, 0);
  row = multiply_slices<4, kPanels>(p, first_panel, row);
  multiply_slices<1, kPanels>(p, first_panel, row);
}

}  // namespace

void multiply_avx512(const PairProduct& product) {
  const std::int64_t num_panels = (product.num_columns + kColumns - 1) / kColumns;
  std::int64_t panel = 0;
  // Two panels at a time: four vectors of the right factor serve each element of the left.
  for (; panel + 2 <= num_panels; panel += 2) multiply_panels<6, 2>(product, panel);
  if (panel < num_panels) multiply_panels<12, 1>(product, panel);
}

}  // namespace ddim::engine::cpu::bf16
