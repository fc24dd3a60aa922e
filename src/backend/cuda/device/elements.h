// What kernels share: elements in fours, slots, parts, curves, sums of a block.
#pragma once

#include <cmath>

#include "backend/cuda/arguments.h"
#include "backend/cuda/gpu.h"

namespace ddim::engine::cuda {

inline constexpr int kThreads = 256;  ///< of a block, where a kernel says nothing else

/// The first of the four elements that this thread has, of those along the grid's x.
__device__ inline Index first_of_four() {
  return (static_cast<Index>(blockIdx.x) * kThreads + threadIdx.x) * 4;
}
/// The one element that this thread has.
__device__ inline Index element_of_thread() {
  return static_cast<Index>(blockIdx.x) * kThreads + threadIdx.x;
}

struct Four {
  float v[4];
};
__device__ inline bool is_whole_four(const float* p, Index i, Index size) {
  return i + 4 <= size && reinterpret_cast<std::uintptr_t>(p + i) % 16 == 0;
}
struct alignas(8) FourBf16 {
  Bf16 v[4];
};
__device__ inline bool is_whole_four(const Bf16* p, Index i, Index size) {
  return i + 4 <= size && reinterpret_cast<std::uintptr_t>(p + i) % 8 == 0;
}
/// Elements i .. i+3 of p; what is beyond `size` is 0.
__device__ inline Four load_four(const Bf16* p, Index i, Index size) {
  FourBf16 u = {};
  if (is_whole_four(p, i, size)) {
    u = *reinterpret_cast<const FourBf16*>(p + i);
  } else {
    GPU_UNROLL for (int e = 0; e < 4; ++e) if (i + e < size) u.v[e] = p[i + e];
  }
  return {{to_float(u.v[0]), to_float(u.v[1]), to_float(u.v[2]), to_float(u.v[3])}};
}
__device__ inline Four load_four(const float* p, Index i, Index size) {
  if (is_whole_four(p, i, size)) {
    const float4 u = *reinterpret_cast<const float4*>(p + i);
    return {{u.x, u.y, u.z, u.w}};
  }
  Four four = {};
  GPU_UNROLL for (int e = 0; e < 4; ++e) if (i + e < size) four.v[e] = p[i + e];
  return four;
}
__device__ inline void store_four(float* p, Index i, Index size, const Four& four) {
  if (is_whole_four(p, i, size)) {
    *reinterpret_cast<float4*>(p + i) = float4{four.v[0], four.v[1], four.v[2], four.v[3]};
    return;
  }
  GPU_UNROLL for (int e = 0; e < 4; ++e) if (i + e < size) p[i + e] = four.v[e];
}
__device__ inline void store_four(Bf16* p, Index i, Index size, const Four& four) {
  const FourBf16 u = {
      {to_bf16(four.v[0]), to_bf16(four.v[1]), to_bf16(four.v[2]), to_bf16(four.v[3])}};
  if (is_whole_four(p, i, size)) {
    *reinterpret_cast<FourBf16*>(p + i) = u;
    return;
  }
  GPU_UNROLL for (int e = 0; e < 4; ++e) if (i + e < size) p[i + e] = u.v[e];
}

__device__ inline bool is_there(const Values& x) { return x.f32 != nullptr || x.bf16 != nullptr; }
__device__ inline bool is_there(const Slot& y) { return y.f32 != nullptr || y.bf16 != nullptr; }
__device__ inline float load(const Values& x, Index i) {
  return x.bf16 != nullptr ? to_float(x.bf16[i]) : x.f32[i];
}
__device__ inline Four load_four(const Values& x, Index i, Index size) {
  return x.bf16 != nullptr ? load_four(x.bf16, i, size) : load_four(x.f32, i, size);
}
__device__ inline void put(const Slot& y, Index i, float value) {
  if (y.bf16 != nullptr) {
    y.bf16[i] = to_bf16(y.accumulates ? to_float(y.bf16[i]) + value : value);
  } else {
    y.f32[i] = y.accumulates ? y.f32[i] + value : value;
  }
}
__device__ inline void put_four(const Slot& y, Index i, Index size, Four four) {
  if (y.accumulates) {
    const Four before = load_four(Values{y.f32, y.bf16}, i, size);
    GPU_UNROLL for (int e = 0; e < 4; ++e) four.v[e] += before.v[e];
  }
  if (y.bf16 != nullptr) {
    store_four(y.bf16, i, size, four);
  } else {
    store_four(y.f32, i, size, four);
  }
}

__device__ inline float element(const Parts& x, Index pixel, int c) {
  return c < x.c_first ? load(x.first, pixel * x.c_first + c)
                       : load(x.second, pixel * x.c_second + (c - x.c_first));
}
__device__ inline void put(const PartSlots& y, Index pixel, int c, float value) {
  if (c < y.c_first) {
    if (is_there(y.first)) put(y.first, pixel * y.c_first + c, value);
  } else if (is_there(y.second)) {
    put(y.second, pixel * y.c_second + (c - y.c_first), value);
  }
}

struct alignas(8) TwoFloats {
  float v[2];
};
struct alignas(4) TwoBf16 {
  Bf16 v[2];
};
/// Elements i and i+1, or the first alone, which is all there is unless `both`.
__device__ inline void put_two(const Slot& y, Index i, bool both, float first, float second) {
  const bool is_whole =
      both && !y.accumulates &&
      (y.bf16 != nullptr ? reinterpret_cast<std::uintptr_t>(y.bf16 + i) % sizeof(TwoBf16) == 0
                         : reinterpret_cast<std::uintptr_t>(y.f32 + i) % sizeof(TwoFloats) == 0);
  if (!is_whole) {
    put(y, i, first);
    if (both) put(y, i + 1, second);
  } else if (y.bf16 != nullptr) {
    *reinterpret_cast<TwoBf16*>(y.bf16 + i) = TwoBf16{{to_bf16(first), to_bf16(second)}};
  } else {
    *reinterpret_cast<TwoFloats*>(y.f32 + i) = TwoFloats{{first, second}};
  }
}
/// Of a pixel's channels c and c+1.
__device__ inline void put_two(const PartSlots& y, Index pixel, int c, bool both, float first,
                               float second) {
  if (y.c_second == 0) {
    put_two(y.first, pixel * y.c_first + c, both, first, second);
    return;
  }
  put(y, pixel, c, first);
  if (both) put(y, pixel, c + 1, second);
}

__device__ inline float sigmoid(float x) { return 1.0F / (1.0F + expf(-x)); }
/// tanh(log(1 + e^x)): with e = e^x it is (e^2 + 2e) / (e^2 + 2e + 2).
__device__ inline float tanh_softplus(float x) {
  if (x > 20.0F) return 1.0F;
  const float e = expf(x), u = e * (e + 2.0F);
  return u / (u + 2.0F);
}
__device__ inline float normal_cdf(float x) { return 0.5F * erfcf(-x * 0.70710678F); }

__device__ inline float curve_value(Curve curve, float x) {
  switch (curve) {
    case Curve::none:
      return x;
    case Curve::silu:
      return x * sigmoid(x);
    case Curve::mish:
      return x * tanh_softplus(x);
    case Curve::gelu:
      return x * normal_cdf(x);
    case Curve::relu:
      return x < 0.0F ? 0.0F : x;
  }
  return x;
}
__device__ inline float curve_slope(Curve curve, float x) {
  switch (curve) {
    case Curve::none:
      return 1.0F;
    case Curve::silu: {
      const float s = sigmoid(x);
      return s * (1.0F + x * (1.0F - s));
    }
    case Curve::mish: {
      const float w = tanh_softplus(x);
      return w + x * sigmoid(x) * (1.0F - w * w);
    }
    case Curve::gelu:
      return normal_cdf(x) + x * expf(-0.5F * x * x) * 0.39894228F;
    case Curve::relu:
      return x > 0.0F ? 1.0F : 0.0F;
  }
  return 1.0F;
}

/// The sum over a warp, in a fixed order; every lane gets it.
template <class T>
__device__ inline T warp_sum(T value) {
  GPU_UNROLL for (int bits = 16; bits > 0; bits /= 2) value += __shfl_xor_sync(~0U, value, bits);
  return value;
}
/// The sum over a block of at most kThreads threads, in a fixed order; every thread gets it.
/// `scratch` is shared, one for each warp, and free again afterwards.
template <class T>
__device__ inline T block_sum(T value, T* scratch) {
  value = warp_sum(value);
  if (threadIdx.x % 32 == 0) scratch[threadIdx.x / 32] = value;
  __syncthreads();
  T sum = 0;
  for (unsigned w = 0; w < blockDim.x / 32; ++w) sum += scratch[w];
  __syncthreads();
  return sum;
}

}  // namespace ddim::engine::cuda
