// Included by *_simd.cpp files, once for each instruction set.

#if defined(DDIM_CPU_SIMD_LOOPS_INL_H) == defined(HWY_TARGET_TOGGLE)
#ifdef DDIM_CPU_SIMD_LOOPS_INL_H
#undef DDIM_CPU_SIMD_LOOPS_INL_H
#else
#define DDIM_CPU_SIMD_LOOPS_INL_H
#endif

#include <hwy/highway.h>

#include <cstdint>

#include "tensor/kernels.h"

HWY_BEFORE_NAMESPACE();
namespace ddim::cpu::simd::HWY_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;

/// Calls body(d, i) for i = 0 .. n-1: in steps of a whole vector, d being its tag, then for what is
/// left one element at a time with a tag of one lane. No element is touched outside 0..n-1, and an
/// element's result does not depend on where in the range it stands: both tags compute it with the
/// same instructions. `T` is the lane type that the step is counted in.
template <class T, class Body>
HWY_INLINE void for_each_vector(std::int64_t n, const Body& body) {
  const hn::ScalableTag<T> d;
  const auto lanes = static_cast<std::int64_t>(hn::Lanes(d));
  std::int64_t i = 0;
  for (; i + lanes <= n; i += lanes) body(d, i);
  const hn::CappedTag<T, 1> one;
  for (; i < n; ++i) body(one, i);
}

/// Writes `value` to y, or adds it to what is there.
template <class D, class V>
HWY_INLINE void write(D d, V value, Write mode, float* y) {
  if (mode == Write::accumulate) value = hn::Add(value, hn::LoadU(d, y));
  hn::StoreU(value, d, y);
}

}  // namespace ddim::cpu::simd::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif  // per-target include guard
