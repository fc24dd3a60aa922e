#include "backend/cpu/simd_targets.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "backend/cpu/bf16_simd.cpp"
#include <hwy/foreach_target.h>  // includes this file once for each instruction set
#include <hwy/highway.h>

#include <algorithm>
#include <bit>
#include <cstring>

#include "backend/cpu/bf16.h"
#include "backend/cpu/simd_bf16-inl.h"
#include "backend/cpu/simd_loops-inl.h"

HWY_BEFORE_NAMESPACE();
namespace ddim::cpu::bf16::HWY_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;
namespace loops = ddim::cpu::simd::HWY_NAMESPACE;
using D = hn::CappedTag<float, 16>;
using V = hn::Vec<D>;
constexpr D d;
constexpr std::int64_t kVector = hn::MaxLanes(d);

void RoundRows(const float* from, std::int64_t num_rows, std::int64_t num_k, Bf16* to) {
  if (num_k % 2 == 0) {
    num_k *= num_rows;
    num_rows = 1;
  }
  for (std::int64_t row = 0; row < num_rows; ++row, from += num_k) {
    loops::for_each_vector<float>(num_k, [&](auto tag, std::int64_t k) HWY_ATTR {
      simd::HWY_NAMESPACE::store_bf16(tag, hn::LoadU(tag, from + k), to + k);
    });
    to += num_k;
    if (num_k % 2 != 0) *to++ = Bf16{};
  }
}

HWY_INLINE std::uint32_t load_pair(const Bf16* from) {
  std::uint32_t pair = 0;
  std::memcpy(&pair, from, sizeof(pair));
  return pair;
}

/// For processors that cannot multiply bf16: as floats, whose products are exact.
void Multiply(const PanelProduct& p) {
  const hn::RebindToUnsigned<D> bits;
  const auto upper_half = hn::Set(bits, 0xFFFF0000U);
  constexpr std::int64_t kRows = 4;
  for (std::int64_t first = 0; first < p.num_rows; first += kRows) {
    const std::int64_t rows = std::min(kRows, p.num_rows - first);
    for (std::int64_t j = 0; j < kPanel; j += kVector) {
      V sums[kRows];
      for (V& sum : sums) sum = hn::Zero(d);
      for (std::int64_t k = 0; k < p.num_k; k += 2) {
        const auto* const panel_row = reinterpret_cast<const std::uint32_t*>(p.b) + k / 2 * kPanel;
        const auto pairs = hn::LoadU(bits, panel_row + j);
        const V even = hn::BitCast(d, hn::ShiftLeft<16>(pairs));
        const V odd = hn::BitCast(d, hn::And(pairs, upper_half));
        for (std::int64_t row = 0; row < rows; ++row) {
          const std::uint32_t pair = load_pair(p.a + (first + row) * p.num_k + k);
          const V a_even = hn::Set(d, std::bit_cast<float>(pair << 16));
          const V a_odd = hn::Set(d, std::bit_cast<float>(pair & 0xFFFF0000U));
          sums[row] = hn::MulAdd(a_odd, odd, hn::MulAdd(a_even, even, sums[row]));
        }
      }
      for (std::int64_t row = 0; row < rows; ++row)
        hn::StoreU(sums[row], d, p.c + (first + row) * kPanel + j);
    }
  }
}

void FinishRows(const float* c, std::int64_t num_rows, std::int64_t columns, const Finish& f) {
  for (std::int64_t row = 0; row < num_rows; ++row, c += kPanel) {
    loops::for_each_vector<float>(columns, [&](auto tag, std::int64_t j) HWY_ATTR {
      const std::int64_t at = row * f.row_stride + j;
      auto sum = hn::LoadU(tag, c + j);
      if (f.bias != nullptr) sum = hn::Add(sum, hn::LoadU(tag, f.bias + j));
      if (f.residual != nullptr) sum = hn::Add(sum, hn::LoadU(tag, f.residual + at));
      loops::write(tag, sum, f.write, f.y + at);
    });
  }
}

}  // namespace ddim::cpu::bf16::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE

#include "backend/cpu/bf16_avx512.h"
#include "backend/cpu/isa.h"

namespace ddim::cpu::bf16 {

HWY_EXPORT(RoundRows);
HWY_EXPORT(Multiply);
HWY_EXPORT(FinishRows);

void round_rows(const float* from, std::int64_t num_rows, std::int64_t num_k, Bf16* to) {
  HWY_DYNAMIC_DISPATCH(RoundRows)(from, num_rows, num_k, to);
}

void pack_panel(const PanelSource& source, std::int64_t panel, Bf16* to) {
  const std::int64_t first = panel * kPanel;
  const std::int64_t columns = std::min(kPanel, source.num_columns - first);
  for (std::int64_t k = 0; k < padded(source.num_k); k += 2, to += 2 * kPanel) {
    for (std::int64_t j = 0; j < kPanel; ++j) {
      for (std::int64_t i = 0; i < 2; ++i) {
        const bool exists = j < columns && k + i < source.num_k;
        to[2 * j + i] =
            exists ? to_bf16(
                         source.b[(k + i) * source.row_stride + (first + j) * source.column_stride])
                   : Bf16{};
      }
    }
  }
}

void multiply(const PanelProduct& product) {
#if HWY_ARCH_X86
  if (active_isa() == Isa::avx512_bf16) {
    return multiply_avx512(product.a, product.b, product.num_rows, product.num_k / 2, product.c);
  }
#endif
  HWY_DYNAMIC_DISPATCH(Multiply)(product);
}

void finish(const float* c, std::int64_t num_rows, std::int64_t columns, const Finish& f) {
  HWY_DYNAMIC_DISPATCH(FinishRows)(c, num_rows, columns, f);
}

}  // namespace ddim::cpu::bf16

#endif  // HWY_ONCE
