#pragma once

#include <bit>
#include <cstdint>

#include "tensor/kernels.h"

/// Products of bf16 numbers with sums in fp32. An element of the result is one chain of additions
/// over k = 0, 1, ... (with AMX: over groups of 32), so it depends on its row and its column and on
/// nothing else.
namespace ddim::engine::cpu {

/// The upper half of a float.
struct Bf16 {
  std::uint16_t bits = 0;
};

/// The nearest bf16, ties to even. NaN stays NaN.
inline Bf16 to_bf16(float value) {
  const auto bits = std::bit_cast<std::uint32_t>(value);
  if (value != value) return {static_cast<std::uint16_t>(bits >> 16 | 0x40)};
  return {static_cast<std::uint16_t>((bits + 0x7FFF + (bits >> 16 & 1)) >> 16)};
}

namespace bf16 {

/// The nearest bf16 of so many floats, ties to even. NaN stays NaN.
void round(const float* from, std::int64_t count, Bf16* to);

/// The transpose of from [num_k, num_rows], rounded: to[num_rows][num_k], and a zero after each row
/// if num_k is odd. Strides are in elements, that of `to` even.
void transpose_rounded(const float* from, std::int64_t from_row_stride, std::int64_t num_rows,
                       std::int64_t num_k, Bf16* to, std::int64_t to_row_stride);

constexpr std::int64_t kPanel = 32;  ///< columns that are computed together

/// The even number of elements that rows of `num_k` are padded to: products are made in pairs.
constexpr std::int64_t padded(std::int64_t num_k) { return (num_k + 1) / 2 * 2; }

/// c = a b + bias + residual or, without a residual, c += a b + bias: a [num_rows, num_k], b
/// [num_k, num_columns] as panels of kPanel columns, each as pairs of rows [num_k/2][kPanel][2].
struct PanelProduct {
  const Bf16* a = nullptr;
  const Bf16* b = nullptr;  ///< packed panels
  std::int64_t num_rows = 0;
  std::int64_t num_k = 0;           ///< even
  std::int64_t a_row_stride = 0;    ///< elements from one row to the next, even
  std::int64_t num_columns = 0;     ///< that c has
  std::int64_t b_panel_stride = 0;  ///< elements from one panel to the next
  const float* bias = nullptr;      ///< [num_columns], or null
  const float* residual = nullptr;  ///< laid out as c, may be c; or null
  Write write = Write::overwrite;
  float* c = nullptr;
  std::int64_t c_row_stride = 0;
  std::int64_t c_panel_stride = kPanel;  ///< from a panel's columns to the next one's
};
void multiply(const PanelProduct& product);

/// A sum of products, one for each tap of a convolution, whose windows are multiplied where they
/// lie: row i of tap t's left factor begins at a + offsets[t] + i * a_row_stride, and the rows of
/// its right factor follow those of the tap before. num_k is each tap's.
struct TapProduct {
  PanelProduct product;
  std::int64_t num_taps = 1;
  const std::int64_t* offsets = nullptr;
  /// So many rows become rows of c, the next one does not, and so on: an image's rows of pixels and
  /// the border between them. 0: all do.
  std::int64_t row_run = 0;
};
/// For processors with AMX alone (active_isa()).
void multiply(const TapProduct& product);

constexpr std::int64_t kTile = 32;  ///< elements of a tile's row

/// Products of one right factor, one for each tap: c[tap] = or += a[tap] b, all of them blocks of
/// kPanel rows and columns. Row i of a tap's left factor begins at a + offsets[tap] +
/// i * a_row_stride; it has num_runs runs of num_k elements, run_stride apart, and the right factor
/// [num_runs * num_k/2][kPanel][2] has them one after the other.
struct BlockOfTaps {
  const Bf16* a = nullptr;
  std::int64_t a_row_stride = 0;
  std::int64_t num_runs = 1;
  std::int64_t run_stride = 0;
  std::int64_t num_k = 0;  ///< a multiple of kTile
  const Bf16* b = nullptr;
  std::int64_t num_taps = 1;
  const std::int64_t* offsets = nullptr;
  Write write = Write::overwrite;
  float* c = nullptr;
  std::int64_t c_tap_stride = 0;
  std::int64_t c_row_stride = 0;
};
/// For processors with AMX alone (active_isa()).
void multiply(const BlockOfTaps& product);

}  // namespace bf16
}  // namespace ddim::engine::cpu
