// A block of 256 threads that adds up columns: 32 channels, side by side for wide loads, by 8 rows.
#pragma once

#include "backend/cuda/device/elements.h"

namespace ddim::engine::cuda {

inline constexpr int kBlockColumns = 32;
inline constexpr int kBlockRows = kThreads / kBlockColumns;

template <class T>
using ColumnSums = T[kBlockRows][kBlockColumns + 1];

/// The sum over the block's rows of what the threads of this thread's column give, in the order of
/// the rows; right in the threads of row 0. `scratch` is shared, and free again afterwards.
template <class T>
__device__ inline T column_sum(T value, ColumnSums<T>& scratch) {
  const unsigned column = threadIdx.x % kBlockColumns, row = threadIdx.x / kBlockColumns;
  scratch[row][column] = value;
  __syncthreads();
  T sum = 0;
  GPU_UNROLL for (int r = 0; r < kBlockRows; ++r) sum += scratch[r][column];
  __syncthreads();
  return sum;
}

}  // namespace ddim::engine::cuda
