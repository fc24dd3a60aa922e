#pragma once

#include <cstdint>
#include <type_traits>

#include "backend/cpu/bf16.h"
#include "tensor/kernels.h"

/// Matrix products C = A B of floats, or of bf16 numbers with sums in fp32 (Element: float or
/// Bf16). Every element of C is one chain of multiply-adds over k = 0, 1, ..., K-1. So it depends
/// on its row of A and its column of B and on nothing else: not on how many rows there are, where
/// the row stands, or how the work is cut. (The products of a BLAS do not promise that, and
/// oneDNN's do not keep it.)
namespace ddim::engine::cpu::simd {

/// A matrix within other data: element (i, j) is data[i * row_stride + j * column_stride]. One of
/// the strides is 1.
struct MatrixView {
  const float* data = nullptr;
  std::int64_t row_stride = 0;
  std::int64_t column_stride = 1;

  /// The matrix without its first rows.
  MatrixView from_row(std::int64_t row) const {
    return {data + row * row_stride, row_stride, column_stride};
  }
};

/// Two vectors of the instruction set in use.
std::int64_t panel_columns_of_float();
/// How many columns of B a panel holds: two vectors of the instruction set in use, or 32.
template <class Element>
std::int64_t panel_columns() {
  if constexpr (std::is_same_v<Element, float>) {
    return panel_columns_of_float();
  } else {
    return bf16::kPanel;
  }
}

/// Elements of a row of A or a column of B that is made ready for multiply(): pairs, if Bf16.
template <class Element>
constexpr std::int64_t padded(std::int64_t K);
template <>
constexpr std::int64_t padded<float>(std::int64_t K) {
  return K;
}
template <>
constexpr std::int64_t padded<Bf16>(std::int64_t K) {
  return bf16::padded(K);
}

/// How many panels hold `num_columns` columns.
template <class Element>
std::int64_t num_panels(std::int64_t num_columns) {
  return (num_columns + panel_columns<Element>() - 1) / panel_columns<Element>();
}
/// Elements of a panel of K rows.
template <class Element>
std::int64_t panel_size(std::int64_t K) {
  return padded<Element>(K) * panel_columns<Element>();
}

/// Panels first_panel .. first_panel+count-1 of B [K, num_columns], one after the other, with zeros
/// beyond the last column and row. Of floats: [K][columns]; of Bf16: [padded(K)/2][columns][2].
void pack_panels(const MatrixView& b, std::int64_t K, std::int64_t num_columns,
                 std::int64_t first_panel, std::int64_t count, float* panels);
void pack_panels(const MatrixView& b, std::int64_t K, std::int64_t num_columns,
                 std::int64_t first_panel, std::int64_t count, Bf16* panels);
/// All panels.
template <class Element>
void pack_panels(const MatrixView& b, std::int64_t K, std::int64_t num_columns, Element* panels) {
  pack_panels(b, K, num_columns, 0, num_panels<Element>(num_columns), panels);
}

/// A [num_rows, K] with dense rows.
template <class Element>
struct LeftFactor {
  const Element* data = nullptr;
  std::int64_t row_stride = 0;
};
/// Makes A ready for multiply(). `scratch` [num_rows, padded(K)] holds the result, unless A is that
/// already.
LeftFactor<float> left_factor(const MatrixView& a, std::int64_t num_rows, std::int64_t K,
                              float* scratch);
LeftFactor<Bf16> left_factor(const MatrixView& a, std::int64_t num_rows, std::int64_t K,
                             Bf16* scratch);

template <class Element>
struct Product {
  LeftFactor<Element> a = {};       ///< [num_rows, K]
  const Element* panels = nullptr;  ///< B [K, num_columns], packed
  std::int64_t num_rows = 0;
  std::int64_t num_columns = 0;
  std::int64_t K = 0;
  const float* bias = nullptr;      ///< [num_columns], added to each row of C; or null
  const float* residual = nullptr;  ///< laid out as C, may be C; added to it; or null
  float* c = nullptr;               ///< [num_rows, num_columns], dense columns
  std::int64_t c_row_stride = 0;
  Write write = Write::overwrite;
};

/// The columns of C that panels first_panel .. first_panel+count-1 make.
void multiply(const Product<float>& product, std::int64_t first_panel, std::int64_t count);
void multiply(const Product<Bf16>& product, std::int64_t first_panel, std::int64_t count);
/// All of C.
template <class Element>
void multiply(const Product<Element>& product) {
  multiply(product, 0, num_panels<Element>(product.num_columns));
}

}  // namespace ddim::engine::cpu::simd
