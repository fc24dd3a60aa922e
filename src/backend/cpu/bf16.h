#pragma once

#include <bit>
#include <cstdint>

#include "tensor/kernels.h"

/// Products of bf16 numbers with sums in fp32. An element of the result is one chain of additions
/// over k = 0, 1, ..., so it depends on its row and its column and on nothing else.
namespace ddim::cpu {

/// The upper half of a float.
struct Bf16 {
  std::uint16_t bits = 0;
};

/// The nearest bf16, ties to even. Not for NaN.
inline Bf16 to_bf16(float value) {
  const auto bits = std::bit_cast<std::uint32_t>(value);
  return {static_cast<std::uint16_t>((bits + 0x7FFF + (bits >> 16 & 1)) >> 16)};
}

namespace bf16 {

constexpr std::int64_t kPanel = 32;  ///< columns that are computed together

/// The even number of elements that rows of `num_k` are padded to: products are made in pairs.
constexpr std::int64_t padded(std::int64_t num_k) { return (num_k + 1) / 2 * 2; }

/// Rounds rows of `num_k` floats to the nearest bf16, ties to even, and pads each with a zero if
/// `num_k` is odd: from [num_rows, num_k], to [num_rows, padded(num_k)].
void round_rows(const float* from, std::int64_t num_rows, std::int64_t num_k, Bf16* to);

/// Columns panel * kPanel ... of a matrix B [num_k, num_columns] as pairs of rows:
/// to[padded(num_k)/2][kPanel][2], zeros where B has nothing. Element (k, j) of B is
/// b[k * row_stride + j * column_stride].
struct PanelSource {
  const float* b = nullptr;
  std::int64_t row_stride = 0;
  std::int64_t column_stride = 0;
  std::int64_t num_k = 0;
  std::int64_t num_columns = 0;
};
void pack_panel(const PanelSource& source, std::int64_t panel, Bf16* to);

/// c[num_rows][kPanel] = a[num_rows][num_k] b[num_k][kPanel].
struct PanelProduct {
  const Bf16* a = nullptr;  ///< dense rows
  const Bf16* b = nullptr;  ///< a packed panel
  std::int64_t num_rows = 0;
  std::int64_t num_k = 0;  ///< even
  float* c = nullptr;      ///< dense rows
};
void multiply(const PanelProduct& product);

/// What becomes of the products: y = c + bias + residual, or y += that.
struct Finish {
  const float* bias = nullptr;      ///< of the panel's columns; or null
  const float* residual = nullptr;  ///< laid out as y, may be y; or null
  Write write = Write::overwrite;
  float* y = nullptr;
  std::int64_t row_stride = 0;  ///< of y
};
/// `columns` of the panel's columns exist.
void finish(const float* c, std::int64_t num_rows, std::int64_t columns, const Finish& finish);

}  // namespace bf16
}  // namespace ddim::cpu
