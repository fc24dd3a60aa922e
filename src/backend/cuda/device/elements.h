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
/// Elements i .. i+3 of p; what is beyond `size` is 0.
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
__device__ inline void put(const Slot& slot, Index i, float value) {
  slot.data[i] = slot.accumulates ? slot.data[i] + value : value;
}
__device__ inline void put_four(const Slot& slot, Index i, Index size, Four four) {
  if (slot.accumulates) {
    const Four before = load_four(slot.data, i, size);
    GPU_UNROLL for (int e = 0; e < 4; ++e) four.v[e] += before.v[e];
  }
  store_four(slot.data, i, size, four);
}

__device__ inline float element(const Parts& x, Index pixel, int c) {
  return c < x.c_first ? x.first[pixel * x.c_first + c]
                       : x.second[pixel * x.c_second + (c - x.c_first)];
}
__device__ inline void put(const PartSlots& y, Index pixel, int c, float value) {
  if (c < y.c_first) {
    if (y.first.data != nullptr) put(y.first, pixel * y.c_first + c, value);
  } else if (y.second.data != nullptr) {
    put(y.second, pixel * y.c_second + (c - y.c_first), value);
  }
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
