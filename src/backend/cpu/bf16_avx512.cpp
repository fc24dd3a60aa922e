#include "backend/cpu/bf16_avx512.h"

// The one file that is compiled for AVX-512 BF16, which Debian's Highway does not know. It includes
// nothing of ours but its own declaration: an inline function compiled here could be the copy that
// the linker keeps for everyone.
#include <immintrin.h>

namespace ddim::cpu::bf16 {
namespace {

constexpr std::int64_t kColumns = 32;  // kPanel: two vectors
constexpr std::int64_t kPairBytes = 4;

__m512bh load_pairs(const char* from) { return (__m512bh)_mm512_loadu_si512(from); }
__m512bh repeat_pair(const char* from) {
  int pair = 0;
  __builtin_memcpy(&pair, from, sizeof(pair));
  return (__m512bh)_mm512_set1_epi32(pair);
}

/// kRows rows, whose sums stay in registers.
template <int kRows>
void multiply_rows(const char* a, const char* b, std::int64_t num_pairs, float* c) {
  __m512 left[kRows];
  __m512 right[kRows];
  for (int row = 0; row < kRows; ++row) left[row] = right[row] = _mm512_setzero_ps();
  for (std::int64_t k = 0; k < num_pairs; ++k, a += kPairBytes, b += kColumns * kPairBytes) {
    const __m512bh b_left = load_pairs(b);
    const __m512bh b_right = load_pairs(b + kColumns / 2 * kPairBytes);
    for (int row = 0; row < kRows; ++row) {
      const __m512bh a_row = repeat_pair(a + row * num_pairs * kPairBytes);
      left[row] = _mm512_dpbf16_ps(left[row], a_row, b_left);
      right[row] = _mm512_dpbf16_ps(right[row], a_row, b_right);
    }
  }
  for (int row = 0; row < kRows; ++row) {
    _mm512_storeu_ps(c + row * kColumns, left[row]);
    _mm512_storeu_ps(c + row * kColumns + kColumns / 2, right[row]);
  }
}

template <int kRows>
std::int64_t multiply_slices(const char* a, const char* b, std::int64_t row, std::int64_t num_rows,
                             std::int64_t num_pairs, float* c) {
  for (; row + kRows <= num_rows; row += kRows)
    multiply_rows<kRows>(a + row * num_pairs * kPairBytes, b, num_pairs, c + row * kColumns);
  return row;
}

}  // namespace

void multiply_avx512(const void* a, const void* b, std::int64_t num_rows, std::int64_t num_pairs,
                     float* c) {
  const auto* const rows = static_cast<const char*>(a);
  const auto* const panel = static_cast<const char*>(b);
  std::int64_t row = multiply_slices<12>(rows, panel, 0, num_rows, num_pairs, c);
  row = multiply_slices<4>(rows, panel, row, num_rows, num_pairs, c);
  multiply_slices<1>(rows, panel, row, num_rows, num_pairs, c);
}

}  // namespace ddim::cpu::bf16
