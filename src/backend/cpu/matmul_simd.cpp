#include "backend/cpu/matmul_simd.h"

#include "backend/cpu/simd_targets.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "backend/cpu/matmul_simd.cpp"
#include <hwy/cache_control.h>
#include <hwy/foreach_target.h>  // includes this file once for each instruction set
#include <hwy/highway.h>

#include <algorithm>

#include "backend/cpu/simd_loops-inl.h"
#include "backend/cpu/simd_products-inl.h"
#include "backend/cpu/simd_transpose-inl.h"

HWY_BEFORE_NAMESPACE();
namespace ddim::engine::cpu::simd::HWY_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;
using Tag = hn::ScalableTag<float>;
using Vector = hn::Vec<Tag>;

constexpr std::int64_t kLanes = HWY_LANES(float);
constexpr std::int64_t kPanelColumns = 2 * kLanes;

std::int64_t PanelColumns() { return kPanelColumns; }

void PackPanels(const MatrixView& b, std::int64_t K, std::int64_t num_columns,
                std::int64_t first_panel, std::int64_t count, float* panels) {
  const std::int64_t first_column = first_panel * kPanelColumns;
  const std::int64_t columns = std::min(count * kPanelColumns, num_columns - first_column);
  const float* const from = b.data + first_column * b.column_stride;
  const auto for_each_panel = [&](const auto& body) {
    for (std::int64_t i = 0; i < columns; i += kPanelColumns)
      body(from + i * b.column_stride, std::min(kPanelColumns, columns - i), panels + i * K);
  };
  if (b.column_stride == 1) {  // row by row of the whole matrix, as it lies in memory
    for (std::int64_t k = 0; k < K; ++k) {
      for_each_panel([&](const float* part, std::int64_t width, float* panel) {
        for_each_vector<float>(width, [&](auto d, std::int64_t j) HWY_ATTR {
          const float* const element = part + k * b.row_stride + j;
          hwy::Prefetch(element + 4 * b.row_stride);
          hn::StoreU(hn::LoadU(d, element), d, panel + k * kPanelColumns + j);
        });
      });
    }
  } else {
    for_each_panel([&](const float* part, std::int64_t width, float* panel) {
      transpose(part, b.column_stride, width, K, panel, kPanelColumns);
    });
  }
  for (std::int64_t k = 0; columns % kPanelColumns != 0 && k < K; ++k) {
    float* const last = panels + columns / kPanelColumns * K * kPanelColumns + k * kPanelColumns;
    std::fill(last + columns % kPanelColumns, last + kPanelColumns, 0.0F);
  }
}

void Transpose(const MatrixView& a, std::int64_t num_rows, std::int64_t K, float* to) {
  transpose(a.data, a.column_stride, K, num_rows, to, K);
}

/// kRows rows of the panel of C that begins with `column`.
template <int kRows>
void multiply_tile(const Product<float>& p, std::int64_t row, std::int64_t column) {
  const Tag d;
  Vector left[kRows];
  Vector right[kRows];
#pragma GCC unroll 16
  for (int i = 0; i < kRows; ++i) left[i] = right[i] = hn::Zero(d);
  add_products(d, p.K, p.a.data + row * p.a.row_stride, {.row = p.a.row_stride, .k = 1},
               p.panels + column * p.K, kPanelColumns, left, right);
  const std::int64_t columns = p.num_columns - column;
  const float* const bias = p.bias == nullptr ? nullptr : p.bias + column;
#pragma GCC unroll 16
  for (int i = 0; i < kRows; ++i) {
    const std::int64_t at = (row + i) * p.c_row_stride + column;
    const Finish f{bias, p.residual == nullptr ? nullptr : p.residual + at, p.write, p.c + at};
    finish(d, left[i], columns, f);
    finish(d, right[i], columns - kLanes, f.from_column(kLanes));
  }
}

/// Rows row, row+1, ... in tiles of kRows as long as there are so many; returns the next row.
template <int kRows>
std::int64_t multiply_tiles(const Product<float>& p, std::int64_t row, std::int64_t column) {
  for (; row + kRows <= p.num_rows; row += kRows) multiply_tile<kRows>(p, row, column);
  return row;
}

void Multiply(const Product<float>& p, std::int64_t first_panel, std::int64_t count) {
  for (std::int64_t panel = first_panel; panel < first_panel + count; ++panel) {
    const std::int64_t column = panel * kPanelColumns;
    std::int64_t row = multiply_tiles<kTileRows>(p, 0, column);
    row = multiply_tiles<kTileRows / 3>(p, row, column);
    multiply_tiles<1>(p, row, column);
  }
}

}  // namespace ddim::engine::cpu::simd::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE

namespace ddim::engine::cpu::simd {

HWY_EXPORT(PanelColumns);
HWY_EXPORT(PackPanels);
HWY_EXPORT(Transpose);
HWY_EXPORT(Multiply);

std::int64_t panel_columns_of_float() { return HWY_DYNAMIC_DISPATCH(PanelColumns)(); }

void pack_panels(const MatrixView& b, std::int64_t K, std::int64_t num_columns,
                 std::int64_t first_panel, std::int64_t count, float* panels) {
  HWY_DYNAMIC_DISPATCH(PackPanels)(b, K, num_columns, first_panel, count, panels);
}

LeftFactor<float> left_factor(const MatrixView& a, std::int64_t num_rows, std::int64_t K,
                              float* scratch) {
  if (a.column_stride == 1) return {a.data, a.row_stride};
  HWY_DYNAMIC_DISPATCH(Transpose)(a, num_rows, K, scratch);
  return {scratch, K};
}

void multiply(const Product<float>& product, std::int64_t first_panel, std::int64_t count) {
  HWY_DYNAMIC_DISPATCH(Multiply)(product, first_panel, count);
}

}  // namespace ddim::engine::cpu::simd

#endif  // HWY_ONCE
