// Included by *_simd.cpp files, once for each instruction set.

#if defined(DDIM_CPU_SIMD_MATH_INL_H) == defined(HWY_TARGET_TOGGLE)
#ifdef DDIM_CPU_SIMD_MATH_INL_H
#undef DDIM_CPU_SIMD_MATH_INL_H
#else
#define DDIM_CPU_SIMD_MATH_INL_H
#endif

#include <hwy/highway.h>

#include <cstdint>
#include <type_traits>

#include "tensor/kernels.h"

HWY_BEFORE_NAMESPACE();
namespace ddim::engine::cpu::simd::HWY_NAMESPACE {

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

template <class D, class V>
HWY_INLINE V sigmoid(D d, V x) {
  const auto one = hn::Set(d, 1.0F);
  return hn::Div(one, hn::Add(one, exp_clamped(d, hn::Neg(x))));
}

/// n of w = tanh(log(1 + e^x)) = n / (n + 2) with n = e^x (e^x + 2). Beyond 20, w is 1 in float.
template <class D, class V>
HWY_INLINE V mish_n(D d, V x) {
  const auto e = exp_clamped(d, hn::Min(x, hn::Set(d, 20.0F)));
  return hn::Mul(e, hn::Add(e, hn::Set(d, 2.0F)));
}

/// The standard normal distribution function, absolute error below 2e-7 (Abramowitz and Stegun,
/// 7.1.26): for z = |x| / sqrt 2,  erfc(z) = (a1 t + ... + a5 t^5) e^(-z^2),  t = 1 / (1 + p z).
template <class D, class V>
HWY_INLINE V normal_cdf(D d, V x) {
  const auto one = hn::Set(d, 1.0F);
  const auto z = hn::Mul(hn::Abs(x), hn::Set(d, 0.707106781F));
  const auto t = hn::Div(one, hn::MulAdd(hn::Set(d, 0.3275911F), z, one));
  V sum = hn::Set(d, 1.061405429F);
  sum = hn::MulAdd(sum, t, hn::Set(d, -1.453152027F));
  sum = hn::MulAdd(sum, t, hn::Set(d, 1.421413741F));
  sum = hn::MulAdd(sum, t, hn::Set(d, -0.284496736F));
  sum = hn::MulAdd(sum, t, hn::Set(d, 0.254829592F));
  const auto half_erfc =
      hn::Mul(hn::Mul(hn::Mul(sum, t), hn::Set(d, 0.5F)), exp_clamped(d, hn::Neg(hn::Mul(z, z))));
  return hn::IfThenElse(hn::Lt(x, hn::Zero(d)), half_erfc, hn::Sub(one, half_erfc));
}

/// See Activation. A NaN gives a NaN.
template <Activation activation, class D, class V>
HWY_INLINE V activation_value(D d, V x) {
  if constexpr (activation == Activation::silu) {
    return hn::Div(x, hn::Add(hn::Set(d, 1.0F), exp_clamped(d, hn::Neg(x))));
  } else if constexpr (activation == Activation::mish) {
    const auto n = mish_n(d, x);
    return hn::Mul(x, hn::Div(n, hn::Add(n, hn::Set(d, 2.0F))));
  } else if constexpr (activation == Activation::gelu) {
    return hn::Mul(x, normal_cdf(d, x));
  } else if constexpr (activation == Activation::relu) {
    return hn::IfThenElse(hn::Lt(x, hn::Zero(d)), hn::Zero(d), x);
  } else {
    return x;
  }
}

/// The derivative of activation_value.
template <Activation activation, class D, class V>
HWY_INLINE V activation_slope(D d, V x) {
  const auto one = hn::Set(d, 1.0F);
  if constexpr (activation == Activation::silu) {
    const auto s = sigmoid(d, x);
    return hn::Mul(s, hn::MulAdd(x, hn::Sub(one, s), one));
  } else if constexpr (activation == Activation::mish) {
    // w + x sigmoid(x) (1 - w^2);  1 - w^2 = 4 (n + 1) / (n + 2)^2
    const auto n = mish_n(d, x);
    const auto r = hn::Div(one, hn::Add(n, hn::Set(d, 2.0F)));
    const auto square = hn::Mul(hn::Mul(hn::Set(d, 4.0F), hn::Mul(hn::Add(n, one), r)), r);
    return hn::MulAdd(hn::Mul(x, sigmoid(d, x)), square, hn::Mul(n, r));
  } else if constexpr (activation == Activation::gelu) {
    const auto density = hn::Mul(hn::Set(d, 0.398942280F),
                                 exp_clamped(d, hn::Mul(hn::Mul(x, x), hn::Set(d, -0.5F))));
    return hn::MulAdd(x, density, normal_cdf(d, x));
  } else if constexpr (activation == Activation::relu) {
    return hn::IfThenElseZero(hn::Gt(x, hn::Zero(d)), one);
  } else {
    return one;
  }
}

/// Calls body(constant) where constant() is `activation` at compile time.
template <class Body>
HWY_INLINE void with_activation(Activation activation, const Body& body) {
  switch (activation) {
    case Activation::none:
      return body(std::integral_constant<Activation, Activation::none>());
    case Activation::silu:
      return body(std::integral_constant<Activation, Activation::silu>());
    case Activation::mish:
      return body(std::integral_constant<Activation, Activation::mish>());
    case Activation::gelu:
      return body(std::integral_constant<Activation, Activation::gelu>());
    case Activation::relu:
      return body(std::integral_constant<Activation, Activation::relu>());
  }
}

}  // namespace ddim::engine::cpu::simd::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif  // per-target include guard
