// Products of bf16 factors on tensor cores (mma.sync m16n8k16), sums in fp32. Each sum is taken in
// blocks of 16 terms in their order (taps, then channels), whatever tile it is in. Factors are one
// bf16 (kParts = 1), or sums of three, which hold all 24 bits of a float: of their nine products,
// the six above 2^-24 of the largest are added up.
#include "backend/cuda/device/elements.h"
#include "backend/cuda/device/kernel_table.h"
#include "backend/cuda/device/window.h"

namespace ddim::engine::cuda {
namespace {

constexpr int kDepth = 32;     // terms of a step
constexpr int kRowBytes = 64;  // a row of a tile: kDepth terms, in four chunks of 16 bytes
constexpr int kStages = 3;     // tiles in flight

/// Which parts of a and b are multiplied, the smallest products first.
struct PartPair {
  int a, b;
};
template <int kParts>
constexpr int kPairs = kParts == 1 ? 1 : 6;
template <int kParts>
__device__ PartPair part_pair(int pair) {
  if (kParts == 1) return {0, 0};
  // 2 bits for each: (2,0) (0,2) (1,1) (1,0) (0,1) (0,0)
  constexpr unsigned kA = 2U | 0U << 2 | 1U << 4 | 1U << 6, kB = 0U | 2U << 2 | 1U << 4 | 1U << 8;
  return {static_cast<int>(kA >> 2 * pair & 3U), static_cast<int>(kB >> 2 * pair & 3U)};
}
/// The next part of `rest`, which is less by it then.
__device__ Bf16 take_part(float& rest) {
  const Bf16 part = to_bf16(rest);
  const float value = to_float(part);
  // Nothing is left of infinity and NaN.
  rest = (__float_as_uint(value) & 0x7F800000U) == 0x7F800000U ? 0.0F : rest - value;
  return part;
}

__device__ int next_stage(int stage) { return stage == kStages - 1 ? 0 : stage + 1; }

/// Where chunk `chunk` of a row is in a tile: eight rows that ldmatrix reads together are in
/// different banks.
__device__ int swizzled(int row, int chunk) {
  return row * kRowBytes + ((chunk ^ (row >> 1 & 3)) * 16);
}

/// The sums of a warp: 16 kRows rows by 8 kColumns columns. A tensor core cuts a sum off towards
/// zero each time that it adds to it, so that long sums shrink; those that are to be as exact as in
/// fp32 (kParts = 3) get their 16 terms from it and are added to here.
template <int kRows, int kColumns, int kParts>
struct WarpSums {
  float v[kRows][kColumns][4] = {};

  /// Adds a step's terms of tiles [row][term]; this warp's rows begin at `row`, columns at
  /// `column`.
  __device__ void add_terms(const char* a, const char* b, int row, int column) {
    const int lane = static_cast<int>(threadIdx.x % 32);
    GPU_UNROLL for (int k = 0; k < kDepth / 16; ++k) {
      unsigned fa[kRows][4], fb[kColumns / 2][4];
      GPU_UNROLL for (int i = 0; i < kRows; ++i)
          ldmatrix_x4(fa[i], a + swizzled(row + 16 * i + lane % 16, 2 * k + lane / 16));
      GPU_UNROLL for (int j = 0; j < kColumns / 2; ++j) ldmatrix_x4(
          fb[j], b + swizzled(column + 16 * j + lane % 8 + lane / 16 * 8, 2 * k + lane / 8 % 2));
      multiply(fa, fb);
    }
  }
  __device__ void multiply(const unsigned (&fa)[kRows][4], const unsigned (&fb)[kColumns / 2][4]) {
    GPU_UNROLL for (int i = 0; i < kRows; ++i) GPU_UNROLL for (int j = 0; j < kColumns; ++j) {
      const unsigned b0 = fb[j / 2][j % 2 * 2], b1 = fb[j / 2][j % 2 * 2 + 1];
      if constexpr (kParts == 1) {
        mma_bf16(v[i][j], fa[i], b0, b1);
      } else {
        float terms[4] = {};
        mma_bf16(terms, fa[i], b0, b1);
        GPU_UNROLL for (int e = 0; e < 4; ++e) v[i][j][e] += terms[e];
      }
    }
  }
  /// Calls visit(m, of_row) for each row of which this thread has sums, where of_row(add) calls
  /// add(n, sum, next) for each two of them, which lie side by side.
  template <class Visit>
  __device__ void for_each_row(int row, int column, Visit visit) const {
    const int lane = static_cast<int>(threadIdx.x % 32);
    GPU_UNROLL for (int i = 0; i < kRows; ++i) GPU_UNROLL for (int half = 0; half < 2; ++half)
        visit(row + 16 * i + lane / 4 + half * 8, [&](auto add) {
          GPU_UNROLL for (int j = 0; j < kColumns; ++j)
              add(column + 8 * j + lane % 4 * 2, v[i][j][2 * half], v[i][j][2 * half + 1]);
        });
  }
};

/// An implicit product: row m is a pixel, column n an output channel; 2 warps by kTileN / 32 (or
/// kTileM / 64) of them.
template <int kParts, int kTileM, int kTileN, int kWarpsM, int kWarpsN>
__device__ void convolve(const ConvBf16Arguments& p, char* shared) {
  constexpr int kBlockThreads = 32 * kWarpsM * kWarpsN;
  constexpr int kChunks = kDepth / 8, kRowsAtATime = kBlockThreads / kChunks;
  constexpr int kRowsM = kTileM / kRowsAtATime, kRowsN = kTileN / kRowsAtATime;
  constexpr int kStageBytes = (kTileM + kTileN) * kRowBytes;
  const Window& window = p.window;
  const int c_out = p.y.c_first + p.y.c_second;
  const Index m0 = static_cast<Index>(blockIdx.x) * kTileM;
  const int n0 = static_cast<int>(blockIdx.y) * kTileN;
  const int blocks_of_c = p.c / kDepth;
  const int steps = window.num_taps * kPairs<kParts> * blocks_of_c;
  const int chunk = static_cast<int>(threadIdx.x) % kChunks;
  const int row_of_thread = static_cast<int>(threadIdx.x) / kChunks;
  Pixel pixels[kRowsM];
  GPU_UNROLL for (int i = 0; i < kRowsM; ++i) pixels[i] =
      pixel_of(window, m0 + row_of_thread + i * kRowsAtATime, p.M);

  // Steps are loaded in their order: all channels of a tap (for each pair of parts), then the next
  // tap. Where a row of a tile comes from is found out once for each tap.
  int tap_to_load = 0, pair_to_load = 0, block_to_load = 0, stage_to_load = 0;
  const Bf16 *seen[kRowsM], *weight = nullptr;
  bool is_seen[kRowsM];
  const auto look_at_tap = [&] {
    const Tap tap = tap_of(window, tap_to_load);
    weight = p.weight + static_cast<Index>(weight_tap(window, tap_to_load)) * c_out * kParts * p.c;
    GPU_UNROLL for (int i = 0; i < kRowsM; ++i) {
      const Index pixel = seen_pixel(window, pixels[i], tap);
      is_seen[i] = pixel >= 0;
      seen[i] = p.x + (is_seen[i] ? pixel * kParts * p.c : 0);
    }
  };
  const auto load = [&] {
    if (tap_to_load < window.num_taps) {
      if (block_to_load == 0 && pair_to_load == 0) look_at_tap();
      const int c = block_to_load * kDepth + chunk * 8;
      const PartPair pair = part_pair<kParts>(pair_to_load);
      const int c_x = pair.a * p.c + c, c_weight = pair.b * p.c + c;
      char* tile = shared + stage_to_load * kStageBytes;
      GPU_UNROLL for (int i = 0; i < kRowsM; ++i) cp_async_16(
          tile + swizzled(row_of_thread + i * kRowsAtATime, chunk), seen[i] + c_x, is_seen[i]);
      tile += kTileM * kRowBytes;
      GPU_UNROLL for (int i = 0; i < kRowsN; ++i) {
        const int row = row_of_thread + i * kRowsAtATime, n = n0 + row;
        cp_async_16(tile + swizzled(row, chunk),
                    weight + (n < c_out ? static_cast<Index>(n) * kParts * p.c : 0) + c_weight,
                    n < c_out);
      }
      stage_to_load = next_stage(stage_to_load);
      if (++block_to_load == blocks_of_c) {
        block_to_load = 0;
        if (++pair_to_load == kPairs<kParts>) {
          pair_to_load = 0;
          ++tap_to_load;
        }
      }
    }
    cp_async_commit();  // an empty group at the end, so that the wait below always means one step
  };

  WarpSums<kTileM / kWarpsM / 16, kTileN / kWarpsN / 8, kParts> sums;
  const int warp = static_cast<int>(threadIdx.x / 32);
  const int warp_m = warp % kWarpsM * (kTileM / kWarpsM);
  const int warp_n = warp / kWarpsM * (kTileN / kWarpsN);
  for (int s = 0; s < kStages - 1; ++s) load();
  for (int step = 0, stage = 0; step < steps; ++step, stage = next_stage(stage)) {
    cp_async_wait<kStages - 2>();
    __syncthreads();  // the tile is whole, and the one before it was read
    load();
    const char* tile = shared + stage * kStageBytes;
    sums.add_terms(tile, tile + kTileM * kRowBytes, warp_m, warp_n);
  }
  sums.for_each_row(warp_m, warp_n, [&](int i, auto of_row) {
    const Index m = m0 + i;
    if (m >= p.M) return;
    const Index image =
        p.per_image_bias == nullptr ? 0 : m / (static_cast<Index>(window.rows) * window.columns);
    const auto added = [&](int n) {
      return addends(p.bias, p.per_image_bias, p.residual, m, image, n, c_out);
    };
    of_row([&](int j, float sum, float next) {
      const int n = n0 + j;
      if (n >= c_out) return;
      const bool both = n + 1 < c_out;
      put_two(p.y, m, n, both, sum + added(n), both ? next + added(n + 1) : 0.0F);
    });
  });
}

__global__ void __launch_bounds__(256) conv_bf16(ConvBf16Arguments p) {
  GPU_DYNAMIC_SHARED(char, shared);
  convolve<1, 128, 128, 2, 4>(p, shared);
}
__global__ void __launch_bounds__(128) conv_bf16_small(ConvBf16SmallArguments p) {
  GPU_DYNAMIC_SHARED(char, shared);
  convolve<1, 64, 64, 2, 2>(p.conv, shared);
}
__global__ void __launch_bounds__(256) conv_bf16x3(ConvBf16x3Arguments p) {
  GPU_DYNAMIC_SHARED(char, shared);
  convolve<3, 128, 128, 2, 4>(p.conv, shared);
}
__global__ void __launch_bounds__(128) conv_bf16x3_small(ConvBf16x3SmallArguments p) {
  GPU_DYNAMIC_SHARED(char, shared);
  convolve<3, 64, 64, 2, 2>(p.conv, shared);
}

constexpr int kProductTileBytes = 64 * kRowBytes;

/// Loads and rounds a tile of 64 rows, for each part, of a matrix whose element (row, k) is
/// data[first + row * row_stride + k * k_stride]; zeros beyond `rows` and `terms`. 128 threads.
template <int kParts>
__device__ void load_rounded(char* tiles, const Values& data, Index first, Index row_stride,
                             Index k_stride, int rows, int terms) {
  GPU_UNROLL for (int i = 0; i < 64 * kDepth / 128; ++i) {
    const int e = i * 128 + static_cast<int>(threadIdx.x);
    const bool along_k = k_stride == 1;
    const int row = along_k ? e / kDepth : e % 64, k = along_k ? e % kDepth : e / 64;
    float rest =
        row < rows && k < terms ? load(data, first + row * row_stride + k * k_stride) : 0.0F;
    const int place = swizzled(row, k / 8) + k % 8 * 2;
    GPU_UNROLL for (int part = 0; part < kParts; ++part) *
        reinterpret_cast<Bf16*>(tiles + part * kProductTileBytes + place) = take_part(rest);
  }
}

/// `a` and `b` have a tile for each part.
template <int kParts>
__device__ void multiply(const Product& p, char* a, char* b) {
  const int m0 = static_cast<int>(blockIdx.x) * 64, n0 = static_cast<int>(blockIdx.y) * 64;
  const Index image = blockIdx.z / p.heads, head = blockIdx.z % p.heads;
  const Index a0 = image * p.a.image + head * p.a.head + m0 * p.a.row;
  const Index b0 = image * p.b.image + head * p.b.head + n0 * p.b.column;
  const int warp = static_cast<int>(threadIdx.x / 32);
  const int warp_m = warp % 2 * 32, warp_n = warp / 2 * 32;
  WarpSums<2, 4, kParts> sums;
  for (int k0 = 0; k0 < p.K; k0 += kDepth) {
    load_rounded<kParts>(a, p.a.data, a0 + k0 * p.a.column, p.a.row, p.a.column, p.M - m0,
                         p.K - k0);
    load_rounded<kParts>(b, p.b.data, b0 + k0 * p.b.row, p.b.column, p.b.row, p.N - n0, p.K - k0);
    __syncthreads();
    for (int pair = 0; pair < kPairs<kParts>; ++pair) {
      const PartPair parts = part_pair<kParts>(pair);
      sums.add_terms(a + parts.a * kProductTileBytes, b + parts.b * kProductTileBytes, warp_m,
                     warp_n);
    }
    __syncthreads();
  }
  sums.for_each_row(warp_m, warp_n, [&](int i, auto of_row) {
    const int m = m0 + i;
    if (m >= p.M) return;
    const Index row = image * p.y_image + head * p.y_head + m * p.y_row;
    const auto whole = [&](int n, float sum) {
      return p.factor * sum + (p.bias == nullptr ? 0.0F : p.bias[n]);
    };
    of_row([&](int j, float sum, float next) {
      const int n = n0 + j;
      if (n >= p.N) return;
      const bool both = n + 1 < p.N;
      put_two(p.y, row + n, both, whole(n, sum), both ? whole(n + 1, next) : 0.0F);
    });
  });
}

__global__ void __launch_bounds__(128) product_bf16(ProductBf16Arguments arguments) {
  GPU_SHARED(char[kProductTileBytes], a);
  GPU_SHARED(char[kProductTileBytes], b);
  multiply<1>(arguments.product, a, b);
}
__global__ void __launch_bounds__(128) product_bf16x3(ProductBf16x3Arguments arguments) {
  GPU_SHARED(char[3 * kProductTileBytes], a);
  GPU_SHARED(char[3 * kProductTileBytes], b);
  multiply<3>(arguments.product, a, b);
}

/// Where chunk `chunk` of term k is in a tile [term][64 channels].
__device__ int swizzled_term(int k, int chunk) { return k * 128 + ((chunk ^ (k & 7)) * 16); }

/// Both factors lie term by term (a pixel's channels), so ldmatrix transposes them. 128 threads,
/// tiles of 64x64.
template <int kParts>
__device__ void add_up_weight_gradient(const WeightGradientBf16Arguments& p, char* shared) {
  constexpr int kTileBytes = kDepth * 128;
  const Window& window = p.window;
  const int tiles_o = (p.c_out + 63) / 64;
  const int o0 = static_cast<int>(blockIdx.x) % tiles_o * 64;
  const int c0 = static_cast<int>(blockIdx.x) / tiles_o * 64;
  const int t = static_cast<int>(blockIdx.y);
  const Index first = static_cast<Index>(blockIdx.z) * p.rows_per_split;
  const Index end = first + p.rows_per_split < p.M ? first + p.rows_per_split : p.M;
  const int steps = static_cast<int>((end - first + kDepth - 1) / kDepth);
  const Tap tap = tap_of(window, t);
  const int chunk = static_cast<int>(threadIdx.x) % 8,
            term_of_thread = static_cast<int>(threadIdx.x) / 8;

  // Steps are loaded in their order, for each pair of parts; these are the pixels of the next one.
  int pair_to_load = 0, step_to_load = 0, stage_to_load = 0;
  Pixel pixels[kDepth / 16];
  const auto begin = [&] {
    GPU_UNROLL for (int i = 0; i < kDepth / 16; ++i) pixels[i] =
        pixel_of(window, first + term_of_thread + 16 * i, p.M);
  };
  begin();
  const auto load = [&] {
    if (pair_to_load < kPairs<kParts>) {
      const PartPair pair = part_pair<kParts>(pair_to_load);
      const Bf16* const x = p.x + pair.a * p.cs + c0 + chunk * 8;
      const Bf16* const dy = p.dy + pair.b * p.os + o0 + chunk * 8;
      char* tile = shared + stage_to_load * 2 * kTileBytes;
      GPU_UNROLL for (int i = 0; i < kDepth / 16; ++i) {
        const int k = term_of_thread + 16 * i;
        const Index m = first + static_cast<Index>(step_to_load) * kDepth + k;
        const bool has_dy = m < end && o0 + chunk * 8 < p.os;
        cp_async_16(tile + swizzled_term(k, chunk), has_dy ? dy + m * kParts * p.os : p.dy, has_dy);
        const Index seen = m < end ? seen_pixel(window, pixels[i], tap) : Index{-1};
        const bool has_x = seen >= 0 && c0 + chunk * 8 < p.cs;
        cp_async_16(tile + kTileBytes + swizzled_term(k, chunk),
                    has_x ? x + seen * kParts * p.cs : p.x, has_x);
        advance(window, pixels[i], kDepth);
      }
      stage_to_load = next_stage(stage_to_load);
      if (++step_to_load == steps) {
        step_to_load = 0;
        ++pair_to_load;
        begin();
      }
    }
    cp_async_commit();
  };

  WarpSums<2, 4, kParts> sums;
  const int warp = static_cast<int>(threadIdx.x / 32), lane = static_cast<int>(threadIdx.x % 32);
  const int warp_m = warp % 2 * 32, warp_n = warp / 2 * 32;
  for (int s = 0; s < kStages - 1; ++s) load();
  for (int step = 0, stage = 0; step < steps * kPairs<kParts>; ++step, stage = next_stage(stage)) {
    cp_async_wait<kStages - 2>();
    __syncthreads();
    load();
    const char* a = shared + stage * 2 * kTileBytes;
    const char* b = a + kTileBytes;
    GPU_UNROLL for (int k = 0; k < kDepth; k += 16) {
      unsigned fa[2][4], fb[2][4];
      // Matrices of a: (k 0.., m 0..), (k 0.., m 8..), then those of k 8..; of b: k first.
      GPU_UNROLL for (int i = 0; i < 2; ++i) ldmatrix_x4_transposed(
          fa[i],
          a + swizzled_term(k + lane % 8 + lane / 16 * 8, (warp_m + 16 * i) / 8 + lane / 8 % 2));
      GPU_UNROLL for (int j = 0; j < 2; ++j) ldmatrix_x4_transposed(
          fb[j], b + swizzled_term(k + lane % 16, (warp_n + 16 * j) / 8 + lane / 16));
      sums.multiply(fa, fb);
    }
  }
  float* partial =
      p.partial + static_cast<Index>(blockIdx.z) * p.c_out * p.c_in * window.num_taps + t;
  sums.for_each_row(warp_m, warp_n, [&](int i, auto of_row) {
    if (o0 + i >= p.c_out) return;
    float* const of_o = partial + static_cast<Index>(o0 + i) * p.c_in * window.num_taps;
    of_row([&](int j, float sum, float next) {
      const int c = c0 + j;
      if (c < p.c_in) of_o[c * window.num_taps] = sum;
      if (c + 1 < p.c_in) of_o[(c + 1) * window.num_taps] = next;
    });
  });
}

__global__ void __launch_bounds__(128) weight_gradient_bf16(WeightGradientBf16Arguments p) {
  GPU_DYNAMIC_SHARED(char, shared);
  add_up_weight_gradient<1>(p, shared);
}
__global__ void __launch_bounds__(128) weight_gradient_bf16x3(WeightGradientBf16x3Arguments p) {
  GPU_DYNAMIC_SHARED(char, shared);
  add_up_weight_gradient<3>(p.gradient, shared);
}

struct alignas(16) EightBf16 {
  Bf16 v[8];
};

__global__ void round_channels(RoundChannelsArguments p) {
  const Index i = element_of_thread();
  const int chunks = p.cs / 8;
  if (i >= p.rows * chunks) return;
  const Index row = i / chunks;
  const int c0 = static_cast<int>(i % chunks) * 8, C = p.x.c_first + p.x.c_second;
  float rest[8];
  GPU_UNROLL for (int e = 0; e < 8; ++e) rest[e] = c0 + e < C ? element(p.x, row, c0 + e) : 0.0F;
  for (int part = 0; part < p.parts; ++part) {
    EightBf16 eight;
    GPU_UNROLL for (int e = 0; e < 8; ++e) eight.v[e] = take_part(rest[e]);
    *reinterpret_cast<EightBf16*>(p.y + (row * p.parts + part) * p.cs + c0) = eight;
  }
}

__global__ void pack_weight_bf16(PackWeightBf16Arguments arguments) {
  const PackWeight& p = arguments.pack;
  const Index i = element_of_thread();
  const int columns = p.backward ? p.c_in : p.c_out, terms = p.backward ? p.c_out : p.c_in;
  if (i >= static_cast<Index>(p.taps) * columns * p.cs) return;
  const int k = static_cast<int>(i % p.cs), n = static_cast<int>(i / p.cs % columns);
  const int t = static_cast<int>(i / p.cs / columns);
  const Index o = p.backward ? k : n, c = p.backward ? n : k;
  float rest = k < terms ? p.weight[(o * p.c_in + c) * p.taps + t] : 0.0F;
  for (int part = 0; part < arguments.parts; ++part)
    arguments.y[(i / p.cs * arguments.parts + part) * p.cs + k] = take_part(rest);
}

}  // namespace

void add_bf16_product_kernels(KernelTable& table) {
  table.put(entry_of(product_bf16));
  table.put(entry_of(product_bf16x3));
  table.put(entry_of(conv_bf16));
  table.put(entry_of(conv_bf16_small));
  table.put(entry_of(conv_bf16x3));
  table.put(entry_of(conv_bf16x3_small));
  table.put(entry_of(weight_gradient_bf16));
  table.put(entry_of(weight_gradient_bf16x3));
  table.put(entry_of(round_channels));
  table.put(entry_of(pack_weight_bf16));
}

}  // namespace ddim::engine::cuda
