#include "backend/cpu/isa.h"
#include "backend/cpu/simd_targets.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "backend/cpu/bf16_simd.cpp"
#include <hwy/cache_control.h>
#include <hwy/foreach_target.h>  // includes this file once for each instruction set
#include <hwy/highway.h>

#include <algorithm>
#include <bit>
#include <cassert>
#include <cstring>

#include "backend/cpu/bf16.h"
#include "backend/cpu/matmul_simd.h"
#include "backend/cpu/simd_bf16-inl.h"
#include "backend/cpu/simd_loops-inl.h"
#include "backend/cpu/simd_transpose-inl.h"

HWY_BEFORE_NAMESPACE();
namespace ddim::engine::cpu::bf16::HWY_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;
namespace loops = ddim::engine::cpu::simd::HWY_NAMESPACE;
using simd::MatrixView;
using D = hn::CappedTag<float, 16>;
using V = hn::Vec<D>;
constexpr D d;
constexpr std::int64_t kVector = hn::MaxLanes(d);

/// How far ahead of what is read the next is asked for: between rows, and where pages end, the
/// processor does not guess it.
constexpr std::int64_t kFloatsAhead = 512;
constexpr std::int64_t kRowsAhead = 8;

void Round(const float* from, std::int64_t count, Bf16* to) {
  loops::with_rounding([&](auto rounding) HWY_ATTR {
    loops::for_each_vector<float>(count, [&](auto tag, std::int64_t k) HWY_ATTR {
      hwy::Prefetch(from + k + kFloatsAhead);
      rounding.store(tag, hn::LoadU(tag, from + k), to + k);
    });
  });
}

/// Rounds rows of num_k floats and pads each with a zero if num_k is odd.
void RoundRows(const float* from, std::int64_t row_stride, std::int64_t num_rows,
               std::int64_t num_k, Bf16* to) {
  for (std::int64_t row = 0; row < num_rows; ++row, from += row_stride) {
    Round(from, num_k, to);
    to += num_k;
    if (num_k % 2 != 0) *to++ = Bf16{};
  }
}

/// Rows k and k+1 of a matrix [num_k, columns], side by side, zeros for a row that does not exist.
template <class Rounding>
HWY_INLINE void pair_rows(Rounding rounding, const MatrixView& b, std::int64_t num_k,
                          std::int64_t k, std::int64_t columns, std::uint32_t* to) {
  const float* const even = b.data + k * b.row_stride;
  const float* const odd = k + 1 < num_k ? even + b.row_stride : nullptr;
  loops::for_each_vector<float>(columns, [&](auto tag, std::int64_t j) HWY_ATTR {
    const auto second = odd == nullptr ? hn::Zero(tag) : hn::LoadU(tag, odd + j);
    const hn::RebindToUnsigned<decltype(tag)> bits;
    hwy::Prefetch(even + j + kRowsAhead * b.row_stride);
    hwy::Prefetch(even + j + (kRowsAhead + 1) * b.row_stride);
    hn::StoreU(rounding.pairs(tag, hn::LoadU(tag, even + j), second), bits, to + j);
  });
}

/// Elements of a row that are packed at a time where columns become rows, on the stack.
constexpr std::int64_t kElementsPerBlock = 256;

void TransposeRounded(const MatrixView& from, std::int64_t num_rows, std::int64_t num_k,
                      std::int64_t to_row_stride, Bf16* to) {
  constexpr std::int64_t kRows = 16;
  const std::int64_t row_pairs = to_row_stride / 2;
  auto* const to_pairs = reinterpret_cast<std::uint32_t*>(to);
  HWY_ALIGN std::uint32_t pairs[kElementsPerBlock / 2 * kRows];
  for (std::int64_t row = 0; row < num_rows; row += kRows) {
    const std::int64_t rows = std::min(kRows, num_rows - row);
    for (std::int64_t first = 0; first < num_k; first += kElementsPerBlock) {
      const std::int64_t count = std::min(kElementsPerBlock, num_k - first);
      const MatrixView block{from.data + first * from.row_stride + row, from.row_stride};
      loops::with_rounding([&](auto rounding) HWY_ATTR {
        for (std::int64_t k = 0; k < count; k += 2)
          pair_rows(rounding, block, count, k, rows, pairs + k / 2 * kRows);
      });
      loops::transpose(pairs, kRows, padded(count) / 2, rows,
                       to_pairs + row * row_pairs + first / 2, row_pairs);
    }
  }
}

/// A panel of a matrix whose columns are dense.
void pack_columns(const MatrixView& b, std::int64_t num_k, std::int64_t columns,
                  std::uint32_t* to) {
  HWY_ALIGN Bf16 rounded[kPanel * kElementsPerBlock];
  for (std::int64_t first = 0; first < num_k; first += kElementsPerBlock) {
    const std::int64_t count = std::min(kElementsPerBlock, num_k - first);
    const std::int64_t pairs = padded(count) / 2;
    RoundRows(b.data + first, b.column_stride, columns, count, rounded);
    loops::transpose(reinterpret_cast<const std::uint32_t*>(rounded), pairs, columns, pairs,
                     to + first / 2 * kPanel, kPanel);
  }
}

void PackPanels(const MatrixView& b, std::int64_t num_k, std::int64_t num_columns,
                std::int64_t first_panel, std::int64_t count, Bf16* panels) {
  const std::int64_t num_pairs = padded(num_k) / 2;
  auto* const to = reinterpret_cast<std::uint32_t*>(panels);
  const std::int64_t first_column = first_panel * kPanel;
  const std::int64_t columns = std::min(count * kPanel, num_columns - first_column);
  const MatrixView part{b.data + first_column * b.column_stride, b.row_stride, b.column_stride};
  const auto for_each_panel = [&](const auto& body) {
    for (std::int64_t i = 0; i < columns; i += kPanel)
      body(MatrixView{part.data + i * b.column_stride, b.row_stride, b.column_stride},
           std::min(kPanel, columns - i), to + i * num_pairs);
  };
  if (b.column_stride == 1) {  // row by row of the whole matrix, as it lies in memory
    loops::with_rounding([&](auto rounding) HWY_ATTR {
      for (std::int64_t k = 0; k < num_k; k += 2) {
        for_each_panel(
            [&](const MatrixView& from, std::int64_t width, std::uint32_t* panel)
                HWY_ATTR { pair_rows(rounding, from, num_k, k, width, panel + k / 2 * kPanel); });
      }
    });
  } else {
    for_each_panel([&](const MatrixView& from, std::int64_t width, std::uint32_t* panel) {
      pack_columns(from, num_k, width, panel);
    });
  }
  for (std::int64_t k = 0; columns % kPanel != 0 && k < num_pairs; ++k) {
    std::uint32_t* const last = to + columns / kPanel * num_pairs * kPanel + k * kPanel;
    std::fill(last + columns % kPanel, last + kPanel, 0U);
  }
}

HWY_INLINE std::uint32_t load_pair(const Bf16* from) {
  std::uint32_t pair = 0;
  std::memcpy(&pair, from, sizeof(pair));
  return pair;
}

/// One panel, for processors that cannot multiply bf16: as floats, whose products are exact.
void multiply_panel(const PanelProduct& p, std::int64_t panel) {
  const hn::RebindToUnsigned<D> bits;
  const auto upper_half = hn::Set(bits, 0xFFFF0000U);
  constexpr std::int64_t kRows = 4;
  const auto* const b = reinterpret_cast<const std::uint32_t*>(p.b + panel * p.b_panel_stride);
  const std::int64_t first_column = panel * kPanel;
  for (std::int64_t first = 0; first < p.num_rows; first += kRows) {
    const std::int64_t rows = std::min(kRows, p.num_rows - first);
    for (std::int64_t j = 0; j < kPanel; j += kVector) {
      V sums[kRows];
      for (V& sum : sums) sum = hn::Zero(d);
      for (std::int64_t k = 0; k < p.num_k; k += 2) {
        const auto pairs = hn::LoadU(bits, b + k / 2 * kPanel + j);
        const V even = hn::BitCast(d, hn::ShiftLeft<16>(pairs));
        const V odd = hn::BitCast(d, hn::And(pairs, upper_half));
        for (std::int64_t row = 0; row < rows; ++row) {
          const std::uint32_t pair = load_pair(p.a + (first + row) * p.a_row_stride + k);
          const V a_even = hn::Set(d, std::bit_cast<float>(pair << 16));
          const V a_odd = hn::Set(d, std::bit_cast<float>(pair & 0xFFFF0000U));
          sums[row] = hn::MulAdd(a_odd, odd, hn::MulAdd(a_even, even, sums[row]));
        }
      }
      for (std::int64_t row = 0; row < rows; ++row) {
        const std::int64_t at = (first + row) * p.c_row_stride + panel * p.c_panel_stride;
        const loops::Finish f{p.bias == nullptr ? nullptr : p.bias + first_column,
                              p.residual == nullptr ? nullptr : p.residual + at, p.write, p.c + at};
        loops::finish(d, sums[row], p.num_columns - first_column - j, f.from_column(j));
      }
    }
  }
}

void Multiply(const PanelProduct& p) {
  for (std::int64_t panel = 0; panel * kPanel < p.num_columns; ++panel) multiply_panel(p, panel);
}

}  // namespace ddim::engine::cpu::bf16::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE

#include "backend/cpu/bf16_x86.h"

namespace ddim::engine::cpu::bf16 {

HWY_EXPORT(Multiply);
HWY_EXPORT(Round);
HWY_EXPORT(RoundRows);
HWY_EXPORT(TransposeRounded);
HWY_EXPORT(PackPanels);

void round(const float* from, std::int64_t count, Bf16* to) {
  HWY_DYNAMIC_DISPATCH(Round)(from, count, to);
}

void transpose_rounded(const float* from, std::int64_t from_row_stride, std::int64_t num_rows,
                       std::int64_t num_k, Bf16* to, std::int64_t to_row_stride) {
  HWY_DYNAMIC_DISPATCH(TransposeRounded)
  ({from, from_row_stride}, num_rows, num_k, to_row_stride, to);
}

#if HWY_ARCH_X86
namespace {

constexpr auto kBytes = static_cast<std::int64_t>(sizeof(Bf16));

/// Where the taps of a convolution of 3x3 begin; zeros without offsets.
struct TapBytes {
  std::int64_t data[9] = {};

  TapBytes(std::int64_t num_taps, const std::int64_t* offsets) {
    assert(num_taps <= std::ssize(data));
    for (std::int64_t tap = 0; tap < num_taps && offsets != nullptr; ++tap)
      data[tap] = offsets[tap] * kBytes;
  }
};

PairProduct in_pairs(const PanelProduct& p) {
  assert(p.residual == nullptr || p.write == Write::overwrite);
  return {.a = p.a,
          .a_row_bytes = p.a_row_stride * kBytes,
          .b = p.b,
          .num_rows = p.num_rows,
          .num_pairs = p.num_k / 2,
          .b_panel_bytes = p.b_panel_stride * kBytes,
          .bias = p.bias,
          .addend = p.write == Write::accumulate ? p.c : p.residual,
          .c = p.c,
          .c_row_stride = p.c_row_stride,
          .c_panel_stride = p.c_panel_stride,
          .num_columns = p.num_columns};
}

}  // namespace
#endif

void multiply([[maybe_unused]] const TapProduct& p) {
  assert(active_isa() == Isa::amx_bf16);
#if HWY_ARCH_X86
  const TapBytes tap_bytes(p.num_taps, p.offsets);
  multiply_amx(PairTapProduct{.product = in_pairs(p.product),
                              .num_taps = p.num_taps,
                              .tap_bytes = tap_bytes.data,
                              .row_run = p.row_run});
#endif
}

void multiply([[maybe_unused]] const BlockOfTaps& p) {
  assert(active_isa() == Isa::amx_bf16);
  assert(p.num_k % kTile == 0);
#if HWY_ARCH_X86
  const TapBytes tap_bytes(p.num_taps, p.offsets);
  multiply_amx(PairBlockOfTaps{.a = p.a,
                               .a_row_bytes = p.a_row_stride * kBytes,
                               .num_runs = p.num_runs,
                               .run_bytes = p.run_stride * kBytes,
                               .num_tiles = p.num_k / kTile,
                               .b = p.b,
                               .num_taps = p.num_taps,
                               .tap_bytes = tap_bytes.data,
                               .accumulate = p.write == Write::accumulate,
                               .c = p.c,
                               .c_tap_stride = p.c_tap_stride,
                               .c_row_stride = p.c_row_stride});
#endif
}

void multiply(const PanelProduct& p) {
#if HWY_ARCH_X86
  if (active_isa() == Isa::amx_bf16) return multiply(TapProduct{.product = p});
  if (active_isa() == Isa::avx512_bf16) return multiply_avx512(in_pairs(p));
#endif
  HWY_DYNAMIC_DISPATCH(Multiply)(p);
}

namespace {

void pack_panels(const simd::MatrixView& b, std::int64_t num_k, std::int64_t num_columns,
                 std::int64_t first_panel, std::int64_t count, Bf16* panels) {
  HWY_DYNAMIC_DISPATCH(PackPanels)(b, num_k, num_columns, first_panel, count, panels);
}

/// Rows of `a`, rounded and dense.
void round_left_factor(const simd::MatrixView& a, std::int64_t num_rows, std::int64_t num_k,
                       Bf16* to) {
  if (a.column_stride == 1) {
    HWY_DYNAMIC_DISPATCH(RoundRows)(a.data, a.row_stride, num_rows, num_k, to);
  } else {
    transpose_rounded(a.data, a.column_stride, num_rows, num_k, to, padded(num_k));
  }
}

}  // namespace
}  // namespace ddim::engine::cpu::bf16

namespace ddim::engine::cpu::simd {

void pack_panels(const MatrixView& b, std::int64_t K, std::int64_t num_columns,
                 std::int64_t first_panel, std::int64_t count, Bf16* panels) {
  bf16::pack_panels(b, K, num_columns, first_panel, count, panels);
}

LeftFactor<Bf16> left_factor(const MatrixView& a, std::int64_t num_rows, std::int64_t K,
                             Bf16* scratch) {
  bf16::round_left_factor(a, num_rows, K, scratch);
  return {scratch, bf16::padded(K)};
}

void multiply(const Product<Bf16>& p, std::int64_t first_panel, std::int64_t count) {
  const std::int64_t column = first_panel * bf16::kPanel;
  const std::int64_t panel_stride = panel_size<Bf16>(p.K);
  bf16::multiply({.a = p.a.data,
                  .b = p.panels + first_panel * panel_stride,
                  .num_rows = p.num_rows,
                  .num_k = bf16::padded(p.K),
                  .a_row_stride = p.a.row_stride,
                  .num_columns = std::min(count * bf16::kPanel, p.num_columns - column),
                  .b_panel_stride = panel_stride,
                  .bias = p.bias == nullptr ? nullptr : p.bias + column,
                  .residual = p.residual == nullptr ? nullptr : p.residual + column,
                  .write = p.write,
                  .c = p.c + column,
                  .c_row_stride = p.c_row_stride});
}

}  // namespace ddim::engine::cpu::simd

#endif  // HWY_ONCE
