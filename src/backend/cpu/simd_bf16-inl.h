// Included by *_simd.cpp files, once for each instruction set.

#if defined(DDIM_CPU_SIMD_BF16_INL_H) == defined(HWY_TARGET_TOGGLE)
#ifdef DDIM_CPU_SIMD_BF16_INL_H
#undef DDIM_CPU_SIMD_BF16_INL_H
#else
#define DDIM_CPU_SIMD_BF16_INL_H
#endif

#include <hwy/highway.h>

#include "backend/cpu/bf16.h"

HWY_BEFORE_NAMESPACE();
namespace ddim::cpu::simd::HWY_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;

/// Rounds to the nearest bf16, ties to even. NaN stays NaN.
template <class D, class Floats>
HWY_INLINE void store_bf16(D /*d*/, Floats values, Bf16* to) {
  const hn::RebindToUnsigned<D> bits;
  const auto value_bits = hn::BitCast(bits, values);
  const auto lowest_kept = hn::And(hn::ShiftRight<16>(value_bits), hn::Set(bits, 1));
  const auto rounded = hn::Add(value_bits, hn::Add(lowest_kept, hn::Set(bits, 0x7FFF)));
  // Rounding could carry a NaN's significand over to zero.
  const auto quiet = hn::Or(value_bits, hn::Set(bits, 0x00400000));
  const auto kept = hn::IfThenElse(hn::RebindMask(bits, hn::IsNaN(values)), quiet, rounded);
  const hn::Rebind<std::uint16_t, D> halves;
  hn::StoreU(hn::DemoteTo(halves, hn::BitCast(hn::RebindToSigned<D>(), hn::ShiftRight<16>(kept))),
             halves, reinterpret_cast<std::uint16_t*>(to));
}

}  // namespace ddim::cpu::simd::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif  // per-target include guard
