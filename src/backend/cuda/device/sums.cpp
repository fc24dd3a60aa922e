// Sums in orders that the sizes alone decide.
#include "backend/cuda/device/column_block.h"
#include "backend/cuda/device/kernel_table.h"

namespace ddim::engine::cuda {
namespace {

__device__ Index smaller(Index a, Index b) { return a < b ? a : b; }

__global__ void column_sums(ColumnSumsArguments p) {
  GPU_SHARED(ColumnSums<double>, scratch);
  const int c =
      static_cast<int>(blockIdx.x) * kBlockColumns + static_cast<int>(threadIdx.x % kBlockColumns);
  const Index first = static_cast<Index>(blockIdx.y) * p.rows_per_split;
  const Index end = smaller(first + p.rows_per_split, p.rows);
  const Index image = static_cast<Index>(blockIdx.z) * p.rows * p.channels;
  double sum = 0.0;
  if (c < p.channels)
    for (Index row = first + threadIdx.x / kBlockColumns; row < end; row += kBlockRows)
      sum += load(p.x, image + row * p.channels + c);
  sum = column_sum(sum, scratch);
  if (threadIdx.x < kBlockColumns && c < p.channels)
    p.partial[(static_cast<Index>(blockIdx.z) * gridDim.y + blockIdx.y) * p.channels + c] =
        static_cast<float>(sum);
}

__global__ void sum_partials(SumPartialsArguments p) {
  const Index i = element_of_thread();
  if (i >= p.outer * p.inner) return;
  const float* partial = p.partial + i / p.inner * p.splits * p.inner + i % p.inner;
  double sum = 0.0;
  for (Index s = 0; s < p.splits; ++s) sum += partial[s * p.inner];
  put(p.y, i, static_cast<float>(sum));
}

__global__ void scale_shift_sums(ScaleShiftSumsArguments p) {
  GPU_SHARED(ColumnSums<float>, scratch);
  const int c =
      static_cast<int>(blockIdx.x) * kBlockColumns + static_cast<int>(threadIdx.x % kBlockColumns);
  const Index image = static_cast<Index>(blockIdx.y);
  float d_scale = 0.0F, d_shift = 0.0F;
  if (c < p.channels) {
    const float factor = 1.0F + p.modulation[image * 2 * p.channels + c];
    const float shift = p.modulation[(image * 2 + 1) * p.channels + c];
    for (Index pixel = threadIdx.x / kBlockColumns; pixel < p.pixels; pixel += kBlockRows) {
      const Index i = (image * p.pixels + pixel) * p.channels + c;
      const float x = load(p.x, i);
      const float du = load(p.dy, i) * curve_slope(p.curve, x * factor + shift);
      d_scale += du * x;
      d_shift += du;
    }
  }
  d_scale = column_sum(d_scale, scratch);
  d_shift = column_sum(d_shift, scratch);
  if (threadIdx.x >= kBlockColumns || c >= p.channels) return;
  put(p.dmodulation, image * 2 * p.channels + c, d_scale);
  put(p.dmodulation, (image * 2 + 1) * p.channels + c, d_shift);
}

__global__ void squares(SquaresArguments p) {
  GPU_SHARED(double[kThreads / 32], scratch);
  const Index first = static_cast<Index>(blockIdx.x) * p.split_size;
  const Index end = smaller(first + p.split_size, p.image_size);
  const Index image = static_cast<Index>(blockIdx.y) * p.image_size;
  double sum = 0.0;
  for (Index i = first + threadIdx.x; i < end; i += kThreads) {
    const double a = p.a[image + i], b = p.b == nullptr ? 0.0 : p.b[image + i];
    sum += (a - b) * (a - b);
  }
  sum = block_sum(sum, scratch);
  if (threadIdx.x == 0) p.partial[static_cast<Index>(blockIdx.y) * gridDim.x + blockIdx.x] = sum;
}

__global__ void finite(FiniteArguments p) {
  GPU_SHARED(int[kThreads / 32], scratch);
  const Index first = static_cast<Index>(blockIdx.x) * p.split_size;
  const Index end = smaller(first + p.split_size, p.size);
  int bad = 0;
  for (Index i = first + threadIdx.x; i < end; i += kThreads)
    bad |= (__float_as_uint(load(p.x, i)) & 0x7F800000U) == 0x7F800000U ? 1 : 0;
  bad = block_sum(bad, scratch);
  if (threadIdx.x == 0) p.finite[blockIdx.x] = bad == 0 ? 1 : 0;
}

// Without their sign, floats are sorted as their bits are. Bit by bit from the highest: how many
// elements have the bits found so far, and 0 next?
__global__ void quantile(QuantileArguments p) {
  GPU_SHARED(int[kThreads / 32], scratch);
  GPU_SHARED(unsigned[kThreads], smallest);
  const float* x = p.x + static_cast<Index>(blockIdx.x) * p.image_size;
  constexpr unsigned kNoSign = 0x7FFFFFFFU;
  // How many elements are at least `low` and below `low + range`.
  const auto count = [&](unsigned low, unsigned range) {
    int found = 0;
    for (Index i = threadIdx.x; i < p.image_size; i += kThreads) {
      const unsigned bits = __float_as_uint(x[i]) & kNoSign;
      if (bits - low < range) ++found;
    }
    return block_sum(found, scratch);
  };
  if (count(0x7F800001U, 0x007FFFFFU) > 0) {  // a NaN
    if (threadIdx.x < 2) p.found[2 * blockIdx.x + threadIdx.x] = __uint_as_float(0x7FC00000U);
    return;
  }
  unsigned prefix = 0;
  Index rank = p.rank;
  for (int bit = 30; bit >= 0; --bit) {
    const Index with_zero = count(prefix, 1U << bit);
    if (rank >= with_zero) {
      rank -= with_zero;
      prefix |= 1U << bit;
    }
  }
  const Index equal = count(prefix, 1);
  unsigned next = 0x7F800000U;  // of those above
  for (Index i = threadIdx.x; i < p.image_size; i += kThreads) {
    const unsigned bits = __float_as_uint(x[i]) & kNoSign;
    if (bits > prefix && bits < next) next = bits;
  }
  smallest[threadIdx.x] = next;
  __syncthreads();
  if (threadIdx.x != 0) return;
  for (int t = 0; t < kThreads; ++t) next = smallest[t] < next ? smallest[t] : next;
  p.found[2 * blockIdx.x] = __uint_as_float(prefix);
  p.found[2 * blockIdx.x + 1] = __uint_as_float(rank + 1 < equal ? prefix : next);
}

}  // namespace

void add_sum_kernels(KernelTable& table) {
  table.put(entry_of(column_sums));
  table.put(entry_of(sum_partials));
  table.put(entry_of(scale_shift_sums));
  table.put(entry_of(squares));
  table.put(entry_of(finite));
  table.put(entry_of(quantile));
}

}  // namespace ddim::engine::cuda
