// Included by *_simd.cpp files, once for each instruction set.

#if defined(DDIM_CPU_SIMD_MATH_INL_H) == defined(HWY_TARGET_TOGGLE)
#ifdef DDIM_CPU_SIMD_MATH_INL_H
#undef DDIM_CPU_SIMD_MATH_INL_H
#else
#define DDIM_CPU_SIMD_MATH_INL_H
#endif

#include <hwy/highway.h>

#include <cstdint>

HWY_BEFORE_NAMESPACE();
namespace ddim::cpu::simd::HWY_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;

/// exp(x) for |x| <= 87, relative error below 2e-7; larger |x| count as 87. A NaN counts as a
/// number: callers carry it past this function.
///   x = n ln2 + r with |r| <= ln2/2;  exp(x) = 2^n sum_{k<=7} r^k/k!  (the next term is < 6e-9)
template <class D, class V>
HWY_INLINE V exp_clamped(D d, V x) {
  x = hn::Min(hn::Max(x, hn::Set(d, -87.0F)), hn::Set(d, 87.0F));
  // Adding 1.5 * 2^23 + 127 rounds x / ln2 to n and leaves n + 127, a float's exponent field, in
  // the lowest bits of the sum.
  const auto magic = hn::Set(d, 0x1.8p23F + 127.0F);
  const auto biased = hn::MulAdd(x, hn::Set(d, 1.44269504F), magic);
  const auto n = hn::Sub(biased, magic);
  // ln2 in two parts; the first has few enough bits for n * part to be exact.
  V r = hn::NegMulAdd(n, hn::Set(d, 0.693359375F), x);
  r = hn::NegMulAdd(n, hn::Set(d, -2.12194440e-4F), r);
  V sum = hn::Set(d, 1.0F / 5040);
  sum = hn::MulAdd(sum, r, hn::Set(d, 1.0F / 720));
  sum = hn::MulAdd(sum, r, hn::Set(d, 1.0F / 120));
  sum = hn::MulAdd(sum, r, hn::Set(d, 1.0F / 24));
  sum = hn::MulAdd(sum, r, hn::Set(d, 1.0F / 6));
  sum = hn::MulAdd(sum, r, hn::Set(d, 0.5F));
  sum = hn::MulAdd(sum, r, hn::Set(d, 1.0F));
  sum = hn::MulAdd(sum, r, hn::Set(d, 1.0F));
  const hn::RebindToSigned<D> di;
  return hn::Mul(sum, hn::BitCast(d, hn::ShiftLeft<23>(hn::BitCast(di, biased))));
}

/// x sigmoid(x).
template <class D, class V>
HWY_INLINE V silu_value(D d, V x) {
  return hn::Div(x, hn::Add(hn::Set(d, 1.0F), exp_clamped(d, hn::Neg(x))));
}

/// d/dx of x sigmoid(x) = s (1 + x (1 - s)),  s = sigmoid(x).
template <class D, class V>
HWY_INLINE V silu_slope(D d, V x) {
  const auto one = hn::Set(d, 1.0F);
  const auto s = hn::Div(one, hn::Add(one, exp_clamped(d, hn::Neg(x))));
  return hn::Mul(s, hn::MulAdd(x, hn::Sub(one, s), one));
}

}  // namespace ddim::cpu::simd::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif  // per-target include guard
