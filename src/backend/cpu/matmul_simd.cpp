#include "backend/cpu/matmul_simd.h"

#include "backend/cpu/simd_targets.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "backend/cpu/matmul_simd.cpp"
#include <hwy/foreach_target.h>  // includes this file once for each instruction set
#include <hwy/highway.h>

#include <algorithm>

#include "backend/cpu/simd_loops-inl.h"

HWY_BEFORE_NAMESPACE();
namespace ddim::cpu::simd::HWY_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;
using Tag = hn::ScalableTag<float>;
using Vector = hn::Vec<Tag>;

constexpr std::int64_t kLanes = HWY_LANES(float);
constexpr std::int64_t kPanelColumns = 2 * kLanes;
/// As many as leave their sums, two vectors of B and one element of A in registers: 32 or 16.
constexpr int kTileRows = HWY_TARGET <= HWY_AVX3 ? 12 : 6;

std::int64_t panel_columns() { return kPanelColumns; }

void pack_panels(const MatrixView& b, std::int64_t K, std::int64_t num_columns, float* panels) {
  for (std::int64_t first = 0; first < num_columns; first += kPanelColumns) {
    const std::int64_t columns = std::min(kPanelColumns, num_columns - first);
    float* const panel = panels + first * K;
    const float* const from = b.data + first * b.column_stride;
    if (b.column_stride == 1) {
      for (std::int64_t k = 0; k < K; ++k) {
        std::copy_n(from + k * b.row_stride, columns, panel + k * kPanelColumns);
      }
    } else {
      for (std::int64_t j = 0; j < columns; ++j) {
        const float* const column = from + j * b.column_stride;
        for (std::int64_t k = 0; k < K; ++k)
          panel[k * kPanelColumns + j] = column[k * b.row_stride];
      }
    }
    for (std::int64_t k = 0; columns < kPanelColumns && k < K; ++k) {
      std::fill_n(panel + k * kPanelColumns + columns, kPanelColumns - columns, 0.0F);
    }
  }
}

/// c[j] (+)= sums[j] + bias[j] for `columns` columns. bias may be null.
void finish_row(const float* sums, std::int64_t columns, const float* bias, Write mode, float* c) {
  for_each_vector<float>(columns, [&](auto d, std::int64_t j) HWY_ATTR {
    auto sum = hn::LoadU(d, sums + j);
    if (bias != nullptr) sum = hn::Add(sum, hn::LoadU(d, bias + j));
    HWY_NAMESPACE::write(d, sum, mode, c + j);
  });
}

/// kRows rows and one panel of C, of which `columns` columns exist.
template <int kRows>
void multiply_tile(const Product& p, std::int64_t row, const float* panel, std::int64_t column,
                   std::int64_t columns) {
  const Tag d;
  Vector left[kRows];
  Vector right[kRows];
#pragma GCC unroll 16
  for (int i = 0; i < kRows; ++i) left[i] = right[i] = hn::Zero(d);
  const float* a = p.a.data + row * p.a.row_stride;
  for (std::int64_t k = 0; k < p.K; ++k) {
    const Vector b_left = hn::LoadU(d, panel);
    const Vector b_right = hn::LoadU(d, panel + kLanes);
#pragma GCC unroll 16
    for (int i = 0; i < kRows; ++i) {
      const Vector a_i = hn::Set(d, a[i * p.a.row_stride]);
      left[i] = hn::MulAdd(a_i, b_left, left[i]);
      right[i] = hn::MulAdd(a_i, b_right, right[i]);
    }
    a += p.a.column_stride;
    panel += kPanelColumns;
  }
  HWY_ALIGN float sums[kRows][kPanelColumns];
#pragma GCC unroll 16
  for (int i = 0; i < kRows; ++i) {
    hn::Store(left[i], d, sums[i]);
    hn::Store(right[i], d, sums[i] + kLanes);
  }
  for (int i = 0; i < kRows; ++i) {
    finish_row(sums[i], columns, p.bias == nullptr ? nullptr : p.bias + column, p.write,
               p.c + (row + i) * p.c_row_stride + column);
  }
}

/// Rows row, row+1, ... in tiles of kRows as long as there are so many; returns the next row.
template <int kRows>
std::int64_t multiply_tiles(const Product& p, std::int64_t row, const float* panel,
                            std::int64_t column, std::int64_t columns) {
  for (; row + kRows <= p.num_rows; row += kRows) {
    multiply_tile<kRows>(p, row, panel, column, columns);
  }
  return row;
}

void multiply_panels(const Product& p, std::int64_t first_panel, std::int64_t count) {
  for (std::int64_t i = first_panel; i < first_panel + count; ++i) {
    const std::int64_t column = i * kPanelColumns;
    const std::int64_t columns = std::min(kPanelColumns, p.num_columns - column);
    const float* const panel = p.panels + column * p.K;
    std::int64_t row = multiply_tiles<kTileRows>(p, 0, panel, column, columns);
    row = multiply_tiles<kTileRows / 3>(p, row, panel, column, columns);
    multiply_tiles<1>(p, row, panel, column, columns);
  }
}

}  // namespace ddim::cpu::simd::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE

namespace ddim::cpu::simd {

HWY_EXPORT(panel_columns);
HWY_EXPORT(pack_panels);
HWY_EXPORT(multiply_panels);

std::int64_t panel_columns() { return HWY_DYNAMIC_DISPATCH(panel_columns)(); }
void pack_panels(const MatrixView& b, std::int64_t K, std::int64_t num_columns, float* panels) {
  HWY_DYNAMIC_DISPATCH(pack_panels)(b, K, num_columns, panels);
}
void multiply(const Product& product, std::int64_t first_panel, std::int64_t count) {
  HWY_DYNAMIC_DISPATCH(multiply_panels)(product, first_panel, count);
}

}  // namespace ddim::cpu::simd

#endif  // HWY_ONCE
