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
namespace ddim::engine::cpu::simd::HWY_NAMESPACE {

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

/// What is done with the sums of products: c = sum + bias + residual, or c += that. The pointers
/// are to the first of the sums' columns; bias and residual may be null.
struct Finish {
  const float* bias;
  const float* residual;
  Write write;
  float* c;

  Finish from_column(std::int64_t j) const {
    return {bias == nullptr ? nullptr : bias + j, residual == nullptr ? nullptr : residual + j,
            write, c + j};
  }
};

/// Finishes the sums of one vector.
template <class D>
HWY_INLINE void finish(D d, hn::Vec<D> sum, const Finish& f) {
  if (f.bias != nullptr) sum = hn::Add(sum, hn::LoadU(d, f.bias));
  if (f.residual != nullptr) sum = hn::Add(sum, hn::LoadU(d, f.residual));
  write(d, sum, f.write, f.c);
}

/// The same when only the first `columns` lanes have a column (no more than none: nothing is done).
template <class D>
HWY_INLINE void finish(D d, hn::Vec<D> sum, std::int64_t columns, const Finish& f) {
  if (columns >= static_cast<std::int64_t>(hn::Lanes(d))) return finish(d, sum, f);
  HWY_ALIGN float sums[hn::MaxLanes(d)];
  hn::Store(sum, d, sums);
  const hn::CappedTag<float, 1> one;
  for (std::int64_t j = 0; j < columns; ++j) finish(one, hn::Load(one, sums + j), f.from_column(j));
}

}  // namespace ddim::engine::cpu::simd::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif  // per-target include guard
