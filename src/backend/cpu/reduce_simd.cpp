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

}  // namespace ddim::engine::cpu::simd::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace ddim::engine::cpu::simd {

HWY_EXPORT(squared_distance);
HWY_EXPORT(sum_of_squares);
HWY_EXPORT(all_finite);

double squared_distance(const float* a, const float* b, std::int64_t n) {
  return HWY_DYNAMIC_DISPATCH(squared_distance)(a, b, n);
}

double sum_of_squares(const float* x, std::int64_t n) {
  return HWY_DYNAMIC_DISPATCH(sum_of_squares)(x, n);
}

bool all_finite(const float* x, std::int64_t n) { return HWY_DYNAMIC_DISPATCH(all_finite)(x, n); }

}  // namespace ddim::engine::cpu::simd
#endif  // HWY_ONCE
