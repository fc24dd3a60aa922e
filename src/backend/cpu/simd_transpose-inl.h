// Included by *_simd.cpp files, once for each instruction set.

#if defined(DDIM_CPU_SIMD_TRANSPOSE_INL_H) == defined(HWY_TARGET_TOGGLE)
#ifdef DDIM_CPU_SIMD_TRANSPOSE_INL_H
#undef DDIM_CPU_SIMD_TRANSPOSE_INL_H
#else
#define DDIM_CPU_SIMD_TRANSPOSE_INL_H
#endif

#include <hwy/cache_control.h>
#include <hwy/highway.h>

#include <cstdint>

HWY_BEFORE_NAMESPACE();
namespace ddim::engine::cpu::simd::HWY_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;

/// A vector of runs of four elements, the starts of the runs `stride` apart.
template <class D, class T>
HWY_INLINE hn::Vec<D> load_runs(D d, const T* from, std::int64_t stride) {
  if constexpr (hn::MaxLanes(d) == 4) {
    return hn::LoadU(d, from);
  } else {
    const hn::Half<D> half;
    constexpr std::int64_t kRuns = hn::MaxLanes(half) / 4;
    return hn::Combine(d, load_runs(half, from + kRuns * stride, stride),
                       load_runs(half, from, stride));
  }
}

/// Four columns of as many rows as a vector has lanes.
template <class D, class T>
HWY_INLINE void transpose_four_columns(D d, const T* from, std::int64_t from_stride, T* to,
                                       std::int64_t to_stride) {
  const hn::Repartition<std::uint64_t, D> pairs;
  const auto row_0 = load_runs(d, from, 4 * from_stride);  // rows 0, 4, 8, ...
  const auto row_1 = load_runs(d, from + from_stride, 4 * from_stride);
  const auto row_2 = load_runs(d, from + 2 * from_stride, 4 * from_stride);
  const auto row_3 = load_runs(d, from + 3 * from_stride, 4 * from_stride);
  const auto lower_01 = hn::BitCast(pairs, hn::InterleaveLower(d, row_0, row_1));
  const auto lower_23 = hn::BitCast(pairs, hn::InterleaveLower(d, row_2, row_3));
  const auto upper_01 = hn::BitCast(pairs, hn::InterleaveUpper(d, row_0, row_1));
  const auto upper_23 = hn::BitCast(pairs, hn::InterleaveUpper(d, row_2, row_3));
  hn::StoreU(hn::BitCast(d, hn::InterleaveLower(pairs, lower_01, lower_23)), d, to);
  hn::StoreU(hn::BitCast(d, hn::InterleaveUpper(pairs, lower_01, lower_23)), d, to + to_stride);
  hn::StoreU(hn::BitCast(d, hn::InterleaveLower(pairs, upper_01, upper_23)), d, to + 2 * to_stride);
  hn::StoreU(hn::BitCast(d, hn::InterleaveUpper(pairs, upper_01, upper_23)), d, to + 3 * to_stride);
}

/// Asks for a cache line of each of kRows rows.
template <std::int64_t kRows, class T>
HWY_INLINE void prefetch_rows(const T* from, std::int64_t stride) {
  for (std::int64_t i = 0; i < kRows; ++i) hwy::Prefetch(from + i * stride);
}

/// to[column * to_stride + row] = from[row * from_stride + column]. T has 32 bits.
template <class T>
HWY_INLINE void transpose(const T* from, std::int64_t from_stride, std::int64_t rows,
                          std::int64_t columns, T* to, std::int64_t to_stride) {
  const hn::ScalableTag<T> d;
  constexpr std::int64_t kRows = hn::MaxLanes(d);
  constexpr std::int64_t kLine = 16;  // elements of a cache line
  const auto copy_element = [&](std::int64_t row, std::int64_t column) HWY_ATTR {
    const hn::CappedTag<T, 1> one;
    hn::StoreU(hn::LoadU(one, from + row * from_stride + column), one,
               to + column * to_stride + row);
  };
  std::int64_t row = 0;
  for (; row + kRows <= rows; row += kRows) {
    const T* const from_rows = from + row * from_stride;
    std::int64_t column = 0;
    for (; column + 4 <= columns; column += 4) {
      if (column % kLine == 0)
        prefetch_rows<kRows>(from_rows + kRows * from_stride + column, from_stride);
      transpose_four_columns(d, from_rows + column, from_stride, to + column * to_stride + row,
                             to_stride);
    }
    for (; column < columns; ++column) {
      for (std::int64_t i = 0; i < kRows; ++i) copy_element(row + i, column);
    }
  }
  for (; row < rows; ++row) {
    for (std::int64_t column = 0; column < columns; ++column) copy_element(row, column);
  }
}

}  // namespace ddim::engine::cpu::simd::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif  // per-target include guard
