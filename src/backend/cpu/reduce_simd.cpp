#include "backend/cpu/reduce_simd.h"

#include <algorithm>

#include "backend/cpu/simd_targets.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "backend/cpu/reduce_simd.cpp"
#include <hwy/foreach_target.h>  // includes this file once for each instruction set
#include <hwy/highway.h>

#include "backend/cpu/simd_loops-inl.h"

HWY_BEFORE_NAMESPACE();
namespace ddim::engine::cpu::simd::HWY_NAMESPACE {

/// Sum of value(d, i)^2 over i < n, in two vectors of doubles so that additions overlap.
template <class Value>
HWY_INLINE double sum_squares(std::int64_t n, const Value& value) {
  const hn::ScalableTag<double> d;
  const auto lanes = static_cast<std::int64_t>(hn::Lanes(d));
  auto even = hn::Zero(d);
  auto odd = hn::Zero(d);
  std::int64_t i = 0;
  for (; i + 2 * lanes <= n; i += 2 * lanes) {
    const auto v0 = value(d, i);
    const auto v1 = value(d, i + lanes);
    even = hn::MulAdd(v0, v0, even);
    odd = hn::MulAdd(v1, v1, odd);
  }
  double sum = hn::GetLane(hn::SumOfLanes(d, hn::Add(even, odd)));
  const hn::CappedTag<double, 1> one;
  for (; i < n; ++i) {
    const double v = hn::GetLane(value(one, i));
    sum += v * v;
  }
  return sum;
}

template <class D>
HWY_INLINE hn::Vec<D> load_as_double(D d, const float* x) {
  return hn::PromoteTo(d, hn::LoadU(hn::Rebind<float, D>(), x));
}

double squared_distance(const float* a, const float* b, std::int64_t n) {
  return sum_squares(n, [&](auto d, std::int64_t i) HWY_ATTR {
    return hn::Sub(load_as_double(d, a + i), load_as_double(d, b + i));
  });
}

double sum_of_squares(const float* x, std::int64_t n) {
  return sum_squares(n, [&](auto d, std::int64_t i) HWY_ATTR { return load_as_double(d, x + i); });
}

bool all_finite(const float* x, std::int64_t n) {
  // NaN and infinity are the numbers whose bits, without the sign, are not below infinity's.
  const hn::ScalableTag<std::int32_t> d_all;
  auto largest = hn::Zero(d_all);
  std::int32_t largest_of_tail = 0;
  for_each_vector<std::int32_t>(n, [&](auto d, std::int64_t i) HWY_ATTR {
    const hn::RebindToFloat<decltype(d)> df;
    const auto bits = hn::BitCast(d, hn::Abs(hn::LoadU(df, x + i)));
    if constexpr (hn::MaxLanes(d) == 1) {
      largest_of_tail = std::max(largest_of_tail, hn::GetLane(bits));
    } else {
      largest = hn::Max(largest, bits);
    }
  });
  constexpr std::int32_t kInfinity = 0x7F800000;
  return hn::GetLane(hn::MaxOfLanes(d_all, largest)) < kInfinity && largest_of_tail < kInfinity;
}

/// So many vectors of columns, whose additions overlap.
template <int kVectors, class D>
HWY_INLINE void add_rows(D d, const float* HWY_RESTRICT x, std::int64_t num_rows,
                         std::int64_t row_stride, Write mode, float* HWY_RESTRICT y) {
  constexpr auto kLanes = static_cast<std::int64_t>(hn::MaxLanes(d));
  hn::Vec<D> sums[kVectors];
#pragma GCC unroll 8
  for (int i = 0; i < kVectors; ++i)
    sums[i] = mode == Write::accumulate ? hn::LoadU(d, y + i * kLanes) : hn::Zero(d);
  for (std::int64_t row = 0; row < num_rows; ++row, x += row_stride) {
#pragma GCC unroll 8
    for (int i = 0; i < kVectors; ++i) sums[i] = hn::Add(sums[i], hn::LoadU(d, x + i * kLanes));
  }
#pragma GCC unroll 8
  for (int i = 0; i < kVectors; ++i) hn::StoreU(sums[i], d, y + i * kLanes);
}

void column_sums(const float* x, std::int64_t num_rows, std::int64_t row_stride,
                 std::int64_t num_columns, Write mode, float* sums) {
  const hn::ScalableTag<float> d;
  constexpr auto kLanes = static_cast<std::int64_t>(hn::MaxLanes(d));
  constexpr std::int64_t kTogether = std::clamp<std::int64_t>(64 / kLanes, 4, 8);
  constexpr std::int64_t kStep = kTogether * kLanes;
  const std::int64_t together = num_columns / kStep * kStep;
  for (std::int64_t c = 0; c < together; c += kStep)
    add_rows<kTogether>(d, x + c, num_rows, row_stride, mode, sums + c);
  for_each_vector<float>(num_columns - together, [&](auto tag, std::int64_t i) HWY_ATTR {
    add_rows<1>(tag, x + together + i, num_rows, row_stride, mode, sums + together + i);
  });
}

}  // namespace ddim::engine::cpu::simd::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace ddim::engine::cpu::simd {

HWY_EXPORT(squared_distance);
HWY_EXPORT(sum_of_squares);
HWY_EXPORT(all_finite);
HWY_EXPORT(column_sums);

double squared_distance(const float* a, const float* b, std::int64_t n) {
  return HWY_DYNAMIC_DISPATCH(squared_distance)(a, b, n);
}

double sum_of_squares(const float* x, std::int64_t n) {
  return HWY_DYNAMIC_DISPATCH(sum_of_squares)(x, n);
}

bool all_finite(const float* x, std::int64_t n) { return HWY_DYNAMIC_DISPATCH(all_finite)(x, n); }

void column_sums(const float* x, std::int64_t num_rows, std::int64_t row_stride,
                 std::int64_t num_columns, Write mode, float* sums) {
  HWY_DYNAMIC_DISPATCH(column_sums)(x, num_rows, row_stride, num_columns, mode, sums);
}

}  // namespace ddim::engine::cpu::simd
#endif  // HWY_ONCE
