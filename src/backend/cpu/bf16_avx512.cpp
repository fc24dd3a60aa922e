#include "backend/cpu/bf16_avx512.h"

// The one file that is compiled for AVX-512 BF16, which Debian's Highway does not know. It includes
// nothing of ours but its own declaration: an inline function compiled here could be the copy that
// the linker keeps for everyone.
#include <immintrin.h>

namespace ddim::cpu::bf16 {
namespace {

constexpr std::int64_t kLanes = 16;
constexpr std::int64_t kColumns = 2 * kLanes;  // kPanel: two vectors
constexpr std::int64_t kPairBytes = 4;

__m512bh load_pairs(const char* from) { return (__m512bh)_mm512_loadu_si512(from); }
__m512bh repeat_pair(const char* from) {
  int pair = 0;
  __builtin_memcpy(&pair, from, sizeof(pair));
  return (__m512bh)_mm512_set1_epi32(pair);
}

/// The lanes of columns first, first+1, ... that exist.
__mmask16 existing(std::int64_t num_columns, std::int64_t first) {
  const std::int64_t count = num_columns - first;
  if (count >= kLanes) return 0xFFFF;
  return static_cast<__mmask16>(count <= 0 ? 0 : (1U << count) - 1U);
}

/// Writes the sums of columns first, first+1, ... of one row.
void finish(const PairProduct& p, std::int64_t row, std::int64_t first, __mmask16 exists,
            __m512 sum) {
  const std::int64_t at = row * p.c_row_stride + first;
  if (p.bias != nullptr) sum = _mm512_add_ps(sum, _mm512_maskz_loadu_ps(exists, p.bias + first));
  if (p.residual != nullptr)
    sum = _mm512_add_ps(sum, _mm512_maskz_loadu_ps(exists, p.residual + at));
  if (p.accumulate) sum = _mm512_add_ps(sum, _mm512_maskz_loadu_ps(exists, p.c + at));
  _mm512_mask_storeu_ps(p.c + at, exists, sum);
}

/// kRows rows, whose sums stay in registers: without the pragmas they are cleared and finished in
/// memory.
template <int kRows>
void multiply_rows(const PairProduct& p, std::int64_t first_row) {
  __m512 left[kRows];
  __m512 right[kRows];
#pragma GCC unroll 16
  for (int row = 0; row < kRows; ++row) left[row] = right[row] = _mm512_setzero_ps();
  const std::int64_t row_bytes = p.num_pairs * kPairBytes;
  const char* a = static_cast<const char*>(p.a) + first_row * row_bytes;
  const char* b = static_cast<const char*>(p.b);
  for (std::int64_t k = 0; k < p.num_pairs; ++k, a += kPairBytes, b += kColumns * kPairBytes) {
    const __m512bh b_left = load_pairs(b);
    const __m512bh b_right = load_pairs(b + kLanes * kPairBytes);
#pragma GCC unroll 16
    for (int row = 0; row < kRows; ++row) {
      const __m512bh a_row = repeat_pair(a + row * row_bytes);
      left[row] = _mm512_dpbf16_ps(left[row], a_row, b_left);
      right[row] = _mm512_dpbf16_ps(right[row], a_row, b_right);
    }
  }
  const __mmask16 left_exists = existing(p.num_columns, 0);
  const __mmask16 right_exists = existing(p.num_columns, kLanes);
#pragma GCC unroll 16
  for (int row = 0; row < kRows; ++row) {
    finish(p, first_row + row, 0, left_exists, left[row]);
    finish(p, first_row + row, kLanes, right_exists, right[row]);
  }
}

/// Rows row, row+1, ... in slices of kRows as long as there are so many; returns the next row.
template <int kRows>
std::int64_t multiply_slices(const PairProduct& p, std::int64_t row) {
  for (; row + kRows <= p.num_rows; row += kRows) multiply_rows<kRows>(p, row);
  return row;
}

}  // namespace

void multiply_avx512(const PairProduct& product) {
  std::int64_t row = multiply_slices<12>(product, 0);
  row = multiply_slices<4>(product, row);
  multiply_slices<1>(product, row);
}

}  // namespace ddim::cpu::bf16
