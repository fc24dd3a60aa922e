#pragma once

#include <cstdint>

#include "backend/cpu/elementwise_simd.h"

namespace ddim::engine::cpu {

/// sums[c] = or += sum over rows of x[r,c], first row to last: the gradient of a bias.
/// x [num_rows, num_columns].
inline void column_sums(const float* x, std::int64_t num_rows, std::int64_t num_columns,
                        Grad& sums) {
  float* const y = sums.tensor.data<float>();
  if (sums.write == Write::overwrite) simd::fill(0.0F, y, num_columns);
  for (std::int64_t row = 0; row < num_rows; ++row) {
    simd::accumulate(x + row * num_columns, Write::accumulate, y, num_columns);
  }
}

}  // namespace ddim::engine::cpu
