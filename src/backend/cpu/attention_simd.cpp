#include "backend/cpu/attention_simd.h"

#include "backend/cpu/simd_targets.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "backend/cpu/attention_simd.cpp"
#include <hwy/foreach_target.h>  // includes this file once for each instruction set
#include <hwy/highway.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "backend/cpu/simd_loops-inl.h"
#include "backend/cpu/simd_math-inl.h"

HWY_BEFORE_NAMESPACE();
namespace ddim::engine::cpu::simd::HWY_NAMESPACE {

using Tag = hn::ScalableTag<float>;

/// exp(x), and NaN where x is NaN or infinite.
template <class D, class V>
HWY_INLINE V exp_or_nan(D d, V x) {
  return hn::Add(exp_clamped(d, x), hn::Sub(x, x));
}

/// The largest of scale x[i].
float max_of(float scale, const float* x, std::int64_t n) {
  const Tag d;
  const auto lanes = static_cast<std::int64_t>(hn::Lanes(d));
  auto most = hn::Set(d, -std::numeric_limits<float>::infinity());
  std::int64_t i = 0;
  for (; i + lanes <= n; i += lanes)
    most = hn::Max(most, hn::Mul(hn::Set(d, scale), hn::LoadU(d, x + i)));
  float result = hn::GetLane(hn::MaxOfLanes(d, most));
  for (; i < n; ++i) result = std::max(result, scale * x[i]);
  return result;
}

/// x[i] <- exp(scale x[i] - most); returns their sum.
float exponentials(float scale, float most, float* x, std::int64_t n) {
  const auto replace = [&](auto d, std::int64_t i) HWY_ATTR {
    const auto scaled = hn::Mul(hn::Set(d, scale), hn::LoadU(d, x + i));
    const auto result = exp_or_nan(d, hn::Sub(scaled, hn::Set(d, most)));
    hn::StoreU(result, d, x + i);
    return result;
  };
  const Tag d;
  const auto lanes = static_cast<std::int64_t>(hn::Lanes(d));
  auto sums = hn::Zero(d);
  std::int64_t i = 0;
  for (; i + lanes <= n; i += lanes) sums = hn::Add(sums, replace(d, i));
  float sum = hn::GetLane(hn::SumOfLanes(d, sums));
  const hn::CappedTag<float, 1> one;
  for (; i < n; ++i) sum += hn::GetLane(replace(one, i));
  return sum;
}

float softmax(float scale, float* scores, std::int64_t n) {
  const float most = max_of(scale, scores, n);
  const float sum = exponentials(scale, most, scores, n);
  const float factor = 1.0F / sum;
  for_each_vector<float>(n, [&](auto d, std::int64_t i) HWY_ATTR {
    hn::StoreU(hn::Mul(hn::Set(d, factor), hn::LoadU(d, scores + i)), d, scores + i);
  });
  return most + std::log(sum);
}

float dot_of(const float* a, const float* b, std::int64_t n) {
  const Tag d;
  const auto lanes = static_cast<std::int64_t>(hn::Lanes(d));
  auto sum = hn::Zero(d);
  std::int64_t i = 0;
  for (; i + lanes <= n; i += lanes) {
    sum = hn::MulAdd(hn::LoadU(d, a + i), hn::LoadU(d, b + i), sum);
  }
  float result = hn::GetLane(hn::SumOfLanes(d, sum));
  for (; i < n; ++i) result += a[i] * b[i];
  return result;
}

void softmax_backward(float scale, float log_sum_exp, float* scores, float* dscores,
                      std::int64_t n) {
  for_each_vector<float>(n, [&](auto d, std::int64_t i) HWY_ATTR {
    const auto scaled = hn::Mul(hn::Set(d, scale), hn::LoadU(d, scores + i));
    hn::StoreU(exp_or_nan(d, hn::Sub(scaled, hn::Set(d, log_sum_exp))), d, scores + i);
  });
  const float mean = dot_of(scores, dscores, n);
  for_each_vector<float>(n, [&](auto d, std::int64_t i) HWY_ATTR {
    const auto scaled_p = hn::Mul(hn::Set(d, scale), hn::LoadU(d, scores + i));
    const auto dp = hn::Sub(hn::LoadU(d, dscores + i), hn::Set(d, mean));
    hn::StoreU(hn::Mul(scaled_p, dp), d, dscores + i);
  });
}

}  // namespace ddim::engine::cpu::simd::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE

namespace ddim::engine::cpu::simd {

HWY_EXPORT(softmax);
HWY_EXPORT(softmax_backward);

float softmax(float scale, float* scores, std::int64_t n) {
  return HWY_DYNAMIC_DISPATCH(softmax)(scale, scores, n);
}
void softmax_backward(float scale, float log_sum_exp, float* scores, float* dscores,
                      std::int64_t n) {
  HWY_DYNAMIC_DISPATCH(softmax_backward)(scale, log_sum_exp, scores, dscores, n);
}

}  // namespace ddim::engine::cpu::simd

#endif  // HWY_ONCE
