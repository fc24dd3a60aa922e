// One thread computes one element.
#include "backend/cuda/device/elements.h"
#include "backend/cuda/device/kernel_table.h"

namespace ddim::engine::cuda {
namespace {

struct Place {
  Index image;
  int row, column, channel;
};
/// Of element i of [N,rows,columns,channels].
__device__ Place place_of(Index i, int rows, int columns, int channels) {
  const Index pixel = i / channels, line = pixel / columns;
  return {line / rows, static_cast<int>(line % rows), static_cast<int>(pixel % columns),
          static_cast<int>(i % channels)};
}
__device__ Index index_of(const Place& place, int rows, int columns, int channels) {
  return ((place.image * rows + place.row) * columns + place.column) * channels + place.channel;
}

__global__ void repeat_2x(Repeat2xArguments p) {
  const Index i = element_of_thread();
  if (i >= p.size) return;
  Place place = place_of(i, 2 * p.height, 2 * p.width, p.channels);
  place.row /= 2;
  place.column /= 2;
  put(p.y, i, p.factor * load(p.x, index_of(place, p.height, p.width, p.channels)));
}

__global__ void sum_2x2(Sum2x2Arguments p) {
  const Index i = element_of_thread();
  if (i >= p.size) return;
  Place place = place_of(i, p.height, p.width, p.channels);
  place.row *= 2;
  place.column *= 2;
  const Index corner = index_of(place, 2 * p.height, 2 * p.width, p.channels);
  const Index line = static_cast<Index>(2) * p.width * p.channels;
  const auto pair_from = [&](Index k) { return load(p.x, k) + load(p.x, k + p.channels); };
  put(p.y, i, p.factor * (pair_from(corner) + pair_from(corner + line)));
}

__global__ void pool(PoolArguments p) {
  const Index i = element_of_thread();
  if (i >= p.size) return;
  const Place at = place_of(i, p.rows, p.columns, p.channels);
  float largest = 0.0F, sum = 0.0F;
  int count = 0;
  for (int u = 0; u < p.kernel; ++u) {
    for (int v = 0; v < p.kernel; ++v) {
      const int row = at.row * p.stride + u - p.padding;
      const int column = at.column * p.stride + v - p.padding;
      if (row < 0 || row >= p.height || column < 0 || column >= p.width) continue;
      const float x =
          load(p.x, index_of({at.image, row, column, at.channel}, p.height, p.width, p.channels));
      largest = count == 0 || x > largest || x != x ? x : largest;  // NaN stays
      sum += x;
      ++count;
    }
  }
  put(p.y, i, p.takes_mean ? sum / static_cast<float>(count) : largest);
}

__global__ void join(JoinArguments p) {
  const Index i = element_of_thread();
  if (i >= p.size) return;
  const Index pixel = i / p.channels;
  const int c = static_cast<int>(i % p.channels);
  int first = 0;
  GPU_UNROLL for (int k = 0; k < kMaxParts; ++k) {
    if (k >= p.num_parts) break;
    if (c >= first && c < p.ends[k])
      put(p.y, i, load(p.parts[k], pixel * (p.ends[k] - first) + c - first));
    first = p.ends[k];
  }
}

__global__ void gather(GatherArguments p) {
  const Index i = element_of_thread();
  const Index n = i / p.channels;
  if (n >= p.num_rows) return;
  const Index row = p.more_rows == nullptr ? p.rows[n] : p.more_rows[n];
  p.y[i] = p.table[row * p.channels + i % p.channels];
}

__global__ void gather_backward(GatherBackwardArguments p) {
  const Index i = element_of_thread();
  if (i >= p.size) return;
  const Index row = i / p.channels, c = i % p.channels;
  float sum = 0.0F;
  for (int n = 0; n < p.num_rows; ++n)
    if (p.rows[n] == row) sum += p.dy[n * static_cast<Index>(p.channels) + c];
  put(p.dtable, i, sum);
}

}  // namespace

void add_moving_kernels(KernelTable& table) {
  table.put(entry_of(repeat_2x));
  table.put(entry_of(sum_2x2));
  table.put(entry_of(pool));
  table.put(entry_of(join));
  table.put(entry_of(gather));
  table.put(entry_of(gather_backward));
}

}  // namespace ddim::engine::cuda
