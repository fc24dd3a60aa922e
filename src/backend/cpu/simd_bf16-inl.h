// Included by *_simd.cpp files, once for each instruction set.

#if defined(DDIM_CPU_SIMD_BF16_INL_H) == defined(HWY_TARGET_TOGGLE)
#ifdef DDIM_CPU_SIMD_BF16_INL_H
#undef DDIM_CPU_SIMD_BF16_INL_H
#else
#define DDIM_CPU_SIMD_BF16_INL_H
#endif

#include <hwy/highway.h>

#include "backend/cpu/bf16.h"
#include "backend/cpu/isa.h"

HWY_BEFORE_NAMESPACE();
namespace ddim::engine::cpu::simd::HWY_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;

/// The nearest bf16, ties to even, in the upper half of each lane; what is in the lower half has no
/// meaning. NaN stays NaN.
template <class D, class Floats>
HWY_INLINE hn::Vec<hn::RebindToUnsigned<D>> rounded_bits(D /*d*/, Floats values) {
  const hn::RebindToUnsigned<D> bits;
  const auto value_bits = hn::BitCast(bits, values);
  const auto lowest_kept = hn::And(hn::ShiftRight<16>(value_bits), hn::Set(bits, 1));
  const auto rounded = hn::Add(value_bits, hn::Add(lowest_kept, hn::Set(bits, 0x7FFF)));
  // Rounding could carry a NaN's significand over to zero.
  const auto quiet = hn::Or(value_bits, hn::Set(bits, 0x00400000));
  return hn::IfThenElse(hn::RebindMask(bits, hn::IsNaN(values)), quiet, rounded);
}

/// How floats become bf16: the nearest, ties to even; NaN stays NaN. `store` writes a vector of
/// them, `pairs` rounds the first vector into the lower half of each lane and the second into the
/// upper.
struct RoundByArithmetic {
  template <class D, class Floats>
  static HWY_INLINE void store(D d, Floats values, Bf16* to) {
    const hn::Rebind<std::uint16_t, D> halves;
    const auto upper_half = hn::ShiftRight<16>(rounded_bits(d, values));
    hn::StoreU(hn::DemoteTo(halves, hn::BitCast(hn::RebindToSigned<D>(), upper_half)), halves,
               reinterpret_cast<std::uint16_t*>(to));
  }
  template <class D, class Floats>
  static HWY_INLINE hn::Vec<hn::RebindToUnsigned<D>> pairs(D d, Floats first, Floats second) {
    const hn::RebindToUnsigned<D> bits;
    return hn::Or(hn::ShiftRight<16>(rounded_bits(d, first)),
                  hn::And(rounded_bits(d, second), hn::Set(bits, 0xFFFF0000U)));
  }
};

#if HWY_TARGET == HWY_AVX3
/// The same by the instructions that avx512_bf16 has for it (isa.h), which take what is smaller
/// than any normal number for zero, as products of bf16 do. In words of the assembler, as a
/// function that is compiled for these instructions could not be part of one that is not.
struct RoundByInstruction {
  template <class D, class Floats>
  static HWY_INLINE void store(D d, Floats values, Bf16* to) {
    if constexpr (hn::MaxLanes(d) == 16) {
      __m256i halves;
      asm("vcvtneps2bf16 %1, %0" : "=v"(halves) : "v"(values.raw));
      _mm256_storeu_si256(reinterpret_cast<__m256i*>(to), halves);
    } else {
      RoundByArithmetic::store(d, values, to);
    }
  }
  template <class D, class Floats>
  static HWY_INLINE hn::Vec<hn::RebindToUnsigned<D>> pairs(D d, Floats first, Floats second) {
    if constexpr (hn::MaxLanes(d) == 16) {
      const hn::ScalableTag<std::uint16_t> halves;
      HWY_ALIGN static constexpr std::uint16_t kInTurn[32] = {
          0, 16, 1, 17, 2,  18, 3,  19, 4,  20, 5,  21, 6,  22, 7,  23,
          8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31};
      __m512i both;
      asm("vcvtne2ps2bf16 %1, %2, %0" : "=v"(both) : "v"(first.raw), "v"(second.raw));
      return {_mm512_permutexvar_epi16(hn::Load(halves, kInTurn).raw, both)};
    } else {
      return RoundByArithmetic::pairs(d, first, second);
    }
  }
};
#endif

/// Calls body(rounding) with the fastest of them that the processor has.
template <class Body>
HWY_INLINE void with_rounding(const Body& body) {
#if HWY_TARGET == HWY_AVX3
  if (active_isa() >= Isa::avx512_bf16) return body(RoundByInstruction());
#endif
  body(RoundByArithmetic());
}

}  // namespace ddim::engine::cpu::simd::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif  // per-target include guard
