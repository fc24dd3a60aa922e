// The words that kernels are written in. One source has two meanings: nvcc makes GPU code of it,
// any other compiler makes functions that emulated_gpu.h runs on a CPU, for tests.
#pragma once

#include <cstdint>

#if defined(__CUDACC__)

#include <cuda_bf16.h>
#include <cuda_runtime.h>
#include "tensor/bf16.h"

/// A variable or an array that the threads of a block share: GPU_SHARED(float[16][68], tile).
#define GPU_SHARED(Type, name) \
  using name##_type = Type;    \
  __shared__ __align__(128) name##_type name
/// The shared memory whose size is chosen at the launch, aligned to 128 bytes.
#define GPU_DYNAMIC_SHARED(T, name)                             \
  extern __shared__ __align__(128) unsigned char gpu_dynamic[]; \
  T* const name = reinterpret_cast<T*>(gpu_dynamic)
#define GPU_UNROLL _Pragma("unroll")

namespace ddim::engine::cuda {

__device__ __forceinline__ float to_float(Bf16 value) {
  return __uint_as_float(static_cast<unsigned>(value.bits) << 16);
}
__device__ __forceinline__ Bf16 to_bf16(float value) {
  return {__bfloat16_as_ushort(__float2bfloat16_rn(value))};
}

// Off by up to two units in the last place of double.
__device__ __forceinline__ double double_log(double x) { return log(x); }
__device__ __forceinline__ double double_cos(double x) { return cos(x); }
__device__ __forceinline__ double double_sin(double x) { return sin(x); }

__device__ __forceinline__ unsigned shared_address(const void* p) {
  return static_cast<unsigned>(__cvta_generic_to_shared(p));
}
/// Copies 16 bytes into shared memory some time before the wait for its group ends; zeros unless
/// `valid`.
__device__ __forceinline__ void cp_async_16(void* shared, const void* global, bool valid) {
  asm volatile("cp.async.cg.shared.global [%0], [%1], 16, %2;" ::"r"(shared_address(shared)),
               "l"(global), "r"(valid ? 16 : 0)
               : "memory");
}
/// Ends a group of copies.
__device__ __forceinline__ void cp_async_commit() {
  asm volatile("cp.async.commit_group;" ::: "memory");
}
/// Waits for all of this thread's groups but the last `kPending`.
template <int kPending>
__device__ __forceinline__ void cp_async_wait() {
  asm volatile("cp.async.wait_group %0;" ::"n"(kPending) : "memory");
}
/// Four matrices of 8x8 bf16: lane i gives the address of row i%8 of matrix i/8, and gets elements
/// (i/4, i%4*2 ..+1) of each.
__device__ __forceinline__ void ldmatrix_x4(unsigned (&r)[4], const void* row) {
  asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0,%1,%2,%3}, [%4];"
               : "=r"(r[0]), "=r"(r[1]), "=r"(r[2]), "=r"(r[3])
               : "r"(shared_address(row))
               : "memory");
}
/// The same of the transposed matrices.
__device__ __forceinline__ void ldmatrix_x4_transposed(unsigned (&r)[4], const void* row) {
  asm volatile("ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {%0,%1,%2,%3}, [%4];"
               : "=r"(r[0]), "=r"(r[1]), "=r"(r[2]), "=r"(r[3])
               : "r"(shared_address(row))
               : "memory");
}
/// d += a b of a warp: a [16,16] and b [16,8] in bf16, sums in fp32, laid out as PTX lays out
/// m16n8k16.
__device__ __forceinline__ void mma_bf16(float (&d)[4], const unsigned (&a)[4], unsigned b0,
                                         unsigned b1) {
  asm volatile(
      "mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%0,%1,%2,%3}, {%4,%5,%6,%7}, "
      "{%8,%9}, {%0,%1,%2,%3};"
      : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3])
      : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b0), "r"(b1));
}

}  // namespace ddim::engine::cuda

#else
#include "backend/cuda/emulated_gpu.h"
#endif
