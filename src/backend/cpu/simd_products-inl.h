// Included by *_simd.cpp files, once for each instruction set.

#if defined(DDIM_CPU_SIMD_PRODUCTS_INL_H) == defined(HWY_TARGET_TOGGLE)
#ifdef DDIM_CPU_SIMD_PRODUCTS_INL_H
#undef DDIM_CPU_SIMD_PRODUCTS_INL_H
#else
#define DDIM_CPU_SIMD_PRODUCTS_INL_H
#endif

#include <hwy/cache_control.h>
#include <hwy/highway.h>

#include <cstdint>

HWY_BEFORE_NAMESPACE();
namespace ddim::engine::cpu::simd::HWY_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;

/// Rows of two vectors of sums that leave these, two vectors of the right factor and one element of
/// the left in registers, of which there are 32 or 16.
constexpr bool kManyRegisters = HWY_TARGET <= HWY_AVX3;
constexpr int kTileRows = kManyRegisters ? 12 : 6;

/// Strides of a left factor.
struct LeftStrides {
  std::int64_t row, k;
};

/// left[row], right[row] += a[row][k] b[k] for k = 0, 1, ..., num_k-1, where b[k] are two vectors,
/// `b_stride` further with each k. What of b will be needed soon is asked for: it comes from the
/// last-level cache or from memory.
template <int kRows, class D, class V = hn::Vec<D>>
HWY_INLINE void add_products(D d, std::int64_t num_k, const float* HWY_RESTRICT a,
                             const LeftStrides& stride, const float* HWY_RESTRICT b,
                             std::int64_t b_stride, V (&left)[kRows], V (&right)[kRows]) {
  constexpr std::int64_t kRowsAhead = 16;
  constexpr auto kLanes = static_cast<std::int64_t>(hn::MaxLanes(d));
  constexpr std::int64_t kLineFloats = 16;
  for (std::int64_t k = 0; k < num_k; ++k, a += stride.k, b += b_stride) {
    const V b_left = hn::LoadU(d, b);
    const V b_right = hn::LoadU(d, b + kLanes);
    hwy::Prefetch(b + kRowsAhead * b_stride);
    if constexpr (kLanes == kLineFloats) hwy::Prefetch(b + kRowsAhead * b_stride + kLineFloats);
#pragma GCC unroll 16
    for (int row = 0; row < kRows; ++row) {
      const V a_row = hn::Set(d, a[row * stride.row]);
      left[row] = hn::MulAdd(a_row, b_left, left[row]);
      right[row] = hn::MulAdd(a_row, b_right, right[row]);
    }
  }
}

}  // namespace ddim::engine::cpu::simd::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif  // per-target include guard
