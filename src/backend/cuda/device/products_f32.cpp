// Products in fp32: tiles of 64x64, 256 threads with 4x4 sums each, 16 terms at a time through
// shared memory. Each sum is taken in the order of its terms (taps, then channels), whatever tile
// it is in.
#include "backend/cuda/device/elements.h"
#include "backend/cuda/device/kernel_table.h"
#include "backend/cuda/device/window.h"

namespace ddim::engine::cuda {
namespace {

constexpr int kTile = 64, kDepth = 16;

/// Terms k of rows m, as [k][m]: a step's factors of one side.
using Factors = float[kDepth][kTile + 4];

struct Sums {
  float v[4][4] = {};
};

/// Adds kDepth terms to the sums of this thread, of rows 4 (t / 16) .. and columns 4 (t % 16) .. of
/// the tile, in order.
__device__ void add_terms(Sums& sums, const Factors& a, const Factors& b) {
  const int m = static_cast<int>(threadIdx.x) / 16 * 4, n = static_cast<int>(threadIdx.x) % 16 * 4;
  GPU_UNROLL for (int k = 0; k < kDepth; ++k) {
    const float4 u = *reinterpret_cast<const float4*>(&a[k][m]);
    const float4 w = *reinterpret_cast<const float4*>(&b[k][n]);
    const float left[4] = {u.x, u.y, u.z, u.w}, right[4] = {w.x, w.y, w.z, w.w};
    GPU_UNROLL for (int i = 0; i < 4; ++i) GPU_UNROLL for (int j = 0; j < 4; ++j) sums.v[i][j] +=
        left[i] * right[j];
  }
}

/// Calls visit(m, n, sum) for each sum of this thread.
template <class Visit>
__device__ void for_each_sum(const Sums& sums, Visit visit) {
  const int m = static_cast<int>(threadIdx.x) / 16 * 4, n = static_cast<int>(threadIdx.x) % 16 * 4;
  GPU_UNROLL for (int i = 0; i < 4; ++i) GPU_UNROLL for (int j = 0; j < 4; ++j)
      visit(m + i, n + j, sums.v[i][j]);
}

/// Loads a tile of a matrix whose element (row, k) is data[first + row * row_stride + k *
/// k_stride]; neighbours in memory go to neighbouring threads. Zeros beyond `rows` and `terms`.
__device__ void load_tile(Factors& tile, const Values& data, Index first, Index row_stride,
                          Index k_stride, int rows, int terms) {
  GPU_UNROLL for (int i = 0; i < kTile * kDepth / kThreads; ++i) {
    const int e = i * kThreads + static_cast<int>(threadIdx.x);
    const bool along_k = k_stride == 1;
    const int row = along_k ? e / kDepth : e % kTile, k = along_k ? e % kDepth : e / kTile;
    tile[k][row] =
        row < rows && k < terms ? load(data, first + row * row_stride + k * k_stride) : 0.0F;
  }
}

__global__ void __launch_bounds__(kThreads) product_f32(ProductF32Arguments arguments) {
  GPU_SHARED(Factors, a);
  GPU_SHARED(Factors, b);
  const Product& p = arguments.product;
  const int m0 = static_cast<int>(blockIdx.x) * kTile, n0 = static_cast<int>(blockIdx.y) * kTile;
  const Index image = blockIdx.z / p.heads, head = blockIdx.z % p.heads;
  const Index a0 = image * p.a.image + head * p.a.head + m0 * p.a.row;
  const Index b0 = image * p.b.image + head * p.b.head + n0 * p.b.column;
  Sums sums;
  for (int k0 = 0; k0 < p.K; k0 += kDepth) {
    load_tile(a, p.a.data, a0 + k0 * p.a.column, p.a.row, p.a.column, p.M - m0, p.K - k0);
    load_tile(b, p.b.data, b0 + k0 * p.b.row, p.b.column, p.b.row, p.N - n0, p.K - k0);
    __syncthreads();
    add_terms(sums, a, b);
    __syncthreads();
  }
  for_each_sum(sums, [&](int i, int j, float sum) {
    const int m = m0 + i, n = n0 + j;
    if (m >= p.M || n >= p.N) return;
    sum = p.factor * sum + (p.bias == nullptr ? 0.0F : p.bias[n]);
    put(p.y, image * p.y_image + head * p.y_head + m * p.y_row + n, sum);
  });
}

__global__ void __launch_bounds__(kThreads) conv_f32(ConvF32Arguments p) {
  GPU_SHARED(Factors, a);
  GPU_SHARED(Factors, b);
  const Window& window = p.window;
  const int c_in = p.x.c_first + p.x.c_second, c_out = p.y.c_first + p.y.c_second;
  const Index m0 = static_cast<Index>(blockIdx.x) * kTile;
  const int n0 = static_cast<int>(blockIdx.y) * kTile;
  // Each thread loads four channels of one row's pixel.
  const int row = static_cast<int>(threadIdx.x) / 4,
            k_of_thread = static_cast<int>(threadIdx.x) % 4;
  const Pixel pixel = pixel_of(window, m0 + row, p.M);
  Sums sums;
  for (int t = 0; t < window.num_taps; ++t) {
    const Index seen = seen_pixel(window, pixel, tap_of(window, t));
    const Index weight = static_cast<Index>(weight_tap(window, t)) * c_in * c_out + n0;
    for (int c0 = 0; c0 < c_in; c0 += kDepth) {
      GPU_UNROLL for (int e = 0; e < 4; ++e) {
        const int c = c0 + 4 * k_of_thread + e;
        a[4 * k_of_thread + e][row] = seen >= 0 && c < c_in ? element(p.x, seen, c) : 0.0F;
      }
      load_tile(b, {p.weight, nullptr}, weight + static_cast<Index>(c0) * c_out, 1, c_out,
                c_out - n0, c_in - c0);
      __syncthreads();
      add_terms(sums, a, b);
      __syncthreads();
    }
  }
  for_each_sum(sums, [&](int i, int j, float sum) {
    const Index m = m0 + i;
    const int n = n0 + j;
    if (m >= p.M || n >= c_out) return;
    const Index image = m / (static_cast<Index>(window.rows) * window.columns);
    put(p.y, m, n, sum + addends(p.bias, p.per_image_bias, p.residual, m, image, n, c_out));
  });
}

__global__ void __launch_bounds__(kThreads) weight_gradient_f32(WeightGradientF32Arguments p) {
  GPU_SHARED(Factors, a);
  GPU_SHARED(Factors, b);
  const Window& window = p.window;
  const int c_in = p.x.c_first + p.x.c_second, tiles_o = (p.c_out + kTile - 1) / kTile;
  const int o0 = static_cast<int>(blockIdx.x) % tiles_o * kTile;
  const int c0 = static_cast<int>(blockIdx.x) / tiles_o * kTile;
  const int t = static_cast<int>(blockIdx.y);
  const Index first = static_cast<Index>(blockIdx.z) * p.rows_per_split;
  const Index end = first + p.rows_per_split < p.M ? first + p.rows_per_split : p.M;
  const Tap tap = tap_of(window, t);
  Sums sums;
  for (Index k0 = first; k0 < end; k0 += kDepth) {
    const int terms = static_cast<int>(end - k0 < kDepth ? end - k0 : kDepth);
    load_tile(a, p.dy, k0 * p.c_out + o0, 1, p.c_out, p.c_out - o0, terms);
    GPU_UNROLL for (int i = 0; i < kTile * kDepth / kThreads; ++i) {
      const int k = i * (kThreads / kTile) + static_cast<int>(threadIdx.x) / kTile;
      const int c = static_cast<int>(threadIdx.x) % kTile;
      const Index seen =
          k < terms ? seen_pixel(window, pixel_of(window, k0 + k, p.M), tap) : Index{-1};
      b[k][c] = seen >= 0 && c0 + c < c_in ? element(p.x, seen, c0 + c) : 0.0F;
    }
    __syncthreads();
    add_terms(sums, a, b);
    __syncthreads();
  }
  float* partial =
      p.partial + static_cast<Index>(blockIdx.z) * p.c_out * c_in * window.num_taps + t;
  for_each_sum(sums, [&](int i, int j, float sum) {
    if (o0 + i < p.c_out && c0 + j < c_in)
      partial[(static_cast<Index>(o0 + i) * c_in + c0 + j) * window.num_taps] = sum;
  });
}

__global__ void pack_weight_f32(PackWeightF32Arguments arguments) {
  const PackWeight& p = arguments.pack;
  const Index i = element_of_thread();
  if (i >= static_cast<Index>(p.taps) * p.c_out * p.c_in) return;
  const int columns = p.backward ? p.c_in : p.c_out, terms = p.backward ? p.c_out : p.c_in;
  const int n = static_cast<int>(i % columns), k = static_cast<int>(i / columns % terms);
  const int t = static_cast<int>(i / columns / terms);
  const Index o = p.backward ? k : n, c = p.backward ? n : k;
  arguments.y[i] = p.weight[(o * p.c_in + c) * p.taps + t];
}

}  // namespace

void add_f32_product_kernels(KernelTable& table) {
  table.put(entry_of(product_f32));
  table.put(entry_of(conv_f32));
  table.put(entry_of(weight_gradient_f32));
  table.put(entry_of(pack_weight_f32));
}

}  // namespace ddim::engine::cuda
