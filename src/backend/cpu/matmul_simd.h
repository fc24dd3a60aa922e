#pragma once

#include <cstdint>

#include "tensor/kernels.h"

/// Matrix products C = A B in which every element of C is one chain of multiply-adds over
/// k = 0, 1, ..., K-1. So it depends on its row of A and its column of B and on nothing else: not
/// on how many rows there are, where the row stands, or how the work is cut. (The products of a
/// BLAS do not promise that, and oneDNN's do not keep it.)
namespace ddim::cpu::simd {

/// A matrix within other data: element (i, j) is data[i * row_stride + j * column_stride].
struct MatrixView {
  const float* data = nullptr;
  std::int64_t row_stride = 0;
  std::int64_t column_stride = 1;
};

/// How many columns of B a panel holds: two vectors of the instruction set in use.
std::int64_t panel_columns();
/// How many panels hold `num_columns` columns.
inline std::int64_t num_panels(std::int64_t num_columns) {
  return (num_columns + panel_columns() - 1) / panel_columns();
}

/// Copies B [K, num_columns] to panels [num_panels, K, panel_columns], zeros beyond the last
/// column.
void pack_panels(const MatrixView& b, std::int64_t K, std::int64_t num_columns, float* panels);

struct Product {
  MatrixView a;                   ///< [num_rows, K]
  const float* panels = nullptr;  ///< B [K, num_columns], packed
  std::int64_t num_rows = 0;
  std::int64_t num_columns = 0;
  std::int64_t K = 0;
  const float* bias = nullptr;  ///< [num_columns], added to each row of C; or null
  float* c = nullptr;           ///< [num_rows, num_columns], dense columns
  std::int64_t c_row_stride = 0;
  Write write = Write::overwrite;
};

/// The columns of C that panels first_panel .. first_panel+count-1 make.
void multiply(const Product& product, std::int64_t first_panel, std::int64_t count);
/// All of C.
inline void multiply(const Product& product) {
  multiply(product, 0, num_panels(product.num_columns));
}

}  // namespace ddim::cpu::simd
