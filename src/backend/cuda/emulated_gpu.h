// CUDA kernels on a CPU, for tests: the threads of a block are fibers of one OS thread. They change
// places at barriers, shuffles and tensor-core instructions only, and blocks run one after the
// other. It finds what a GPU would hide:
// - barriers that not all threads reach: it stops and says so;
// - missing barriers: Order runs the threads in other orders, and the results differ;
// - missing waits: a cp.async copies when it is waited for, not before;
// - shared memory that nobody wrote: it holds large numbers when a block begins;
// - with -fsanitize=address, every access beyond a buffer or a shared array.
// It does not see how a GPU orders memory, its caches, bank conflicts, or time.
#pragma once

#include <bit>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <vector>

#include "tensor/bf16.h"

#define __global__
#define __device__
#define __host__
#define __forceinline__ inline
#define __launch_bounds__(...)

// NOLINTBEGIN: CUDA's own names
struct dim3 {
  unsigned x = 1, y = 1, z = 1;
};
struct alignas(16) float4 {
  float x, y, z, w;
};
// NOLINTEND

namespace ddim::engine::cuda {

namespace emulation {

/// In which order the threads of a block run between two barriers.
enum class Order { forward, backward, shuffled };

/// What a launch asks for.
struct Launch {
  dim3 grid, block;
  std::size_t shared_bytes = 0;
  Order order = Order::forward;
};
/// kernel<<<grid, block, shared_bytes>>>(): `body` is what each thread does.
void run(const Launch& launch, void (*body)(const void* argument), const void* argument);

struct Copy {
  void* to;
  const void* from;
  bool valid;
};
/// 32 threads, and what they exchange. Exchanges take turns, so that a fast lane cannot overwrite
/// what a slow one has still to read.
struct Warp {
  static constexpr std::size_t kSlotBytes = 48;
  alignas(16) std::byte in[2][32][kSlotBytes];
  alignas(16) std::byte out[2][32][16];
  unsigned alive = 0, arrived = 0, generation = 0;
};
struct Fiber {
  void* stack_pointer = nullptr;
  void* fake_stack = nullptr;  // of the address sanitizer
  std::byte* stack = nullptr;
  dim3 thread;
  unsigned lane = 0, turn = 0;
  Warp* warp = nullptr;
  Fiber* next = nullptr;            // in the ring of those that are not done
  Fiber* before = nullptr;          // likewise
  std::vector<Copy> copies;         // cp.async, oldest first
  std::vector<std::size_t> groups;  // where each committed group of them ends
};
struct Block {
  dim3 grid, size, index;
  unsigned alive = 0, arrived = 0, generation = 0;
};

Fiber& self();
Block& block();
/// A block's own bytes for the shared array that `key` identifies.
void* shared_array(const void* key, std::size_t num_bytes);
void* dynamic_shared();
/// Prints `what` with the thread that did it, and ends the process.
[[noreturn]] void stop(const char* what);
/// Lets the others run until all threads of the block, or lanes of the warp, have come.
void block_barrier();
void warp_barrier(unsigned mask);
void wait_for_copies(std::size_t num_pending_groups);

/// Lane i's value, once all lanes of `mask` have given theirs: slots[i].
template <class T>
const std::byte (*exchange(const T& value, unsigned mask))[Warp::kSlotBytes] {
  static_assert(sizeof(T) <= Warp::kSlotBytes);
  Fiber& fiber = self();
  auto& slots = fiber.warp->in[fiber.turn ^= 1U];
  std::memcpy(slots[fiber.lane], &value, sizeof value);
  warp_barrier(mask);
  return slots;
}
template <class T>
T slot(const std::byte (*slots)[Warp::kSlotBytes], unsigned lane) {
  T value;
  std::memcpy(&value, slots[lane], sizeof value);
  return value;
}

}  // namespace emulation

inline float to_float(Bf16 value) {
  return std::bit_cast<float>(static_cast<std::uint32_t>(value.bits) << 16);
}
inline Bf16 to_bf16(float value) {
  const auto bits = std::bit_cast<std::uint32_t>(value);
  if (value != value) return {static_cast<std::uint16_t>(bits >> 16 | 0x40U)};
  return {static_cast<std::uint16_t>((bits + 0x7FFFU + (bits >> 16 & 1U)) >> 16)};
}
namespace emulation {
/// A neighbour of x, up to two units in the last place away: no two makers' functions agree there.
inline double nudged(double x) {
  const auto bits = std::bit_cast<std::uint64_t>(x);
  const auto away = static_cast<std::int64_t>(bits * 0x9E3779B97F4A7C15U >> 61) % 5 - 2;
  return x == 0.0 ? x : std::bit_cast<double>(bits + static_cast<std::uint64_t>(away));
}
}  // namespace emulation
inline double double_log(double x) { return emulation::nudged(std::log(x)); }
inline double double_cos(double x) { return emulation::nudged(std::cos(x)); }
inline double double_sin(double x) { return emulation::nudged(std::sin(x)); }

inline void cp_async_16(void* shared, const void* global, bool valid) {
  emulation::self().copies.push_back({shared, global, valid});
}
inline void cp_async_commit() {
  emulation::self().groups.push_back(emulation::self().copies.size());
}
template <int kPending>
void cp_async_wait() {
  emulation::wait_for_copies(kPending);
}
void ldmatrix_x4(unsigned (&r)[4], const void* row);
void ldmatrix_x4_transposed(unsigned (&r)[4], const void* row);
void mma_bf16(float (&d)[4], const unsigned (&a)[4], unsigned b0, unsigned b1);

}  // namespace ddim::engine::cuda

#define threadIdx (::ddim::engine::cuda::emulation::self().thread)
#define blockIdx (::ddim::engine::cuda::emulation::block().index)
#define blockDim (::ddim::engine::cuda::emulation::block().size)
#define gridDim (::ddim::engine::cuda::emulation::block().grid)

#define GPU_SHARED(Type, name)                    \
  using name##_type = Type;                       \
  static const char name##_key = 0;               \
  name##_type& name = *static_cast<name##_type*>( \
      ::ddim::engine::cuda::emulation::shared_array(&name##_key, sizeof(name##_type)))
#define GPU_DYNAMIC_SHARED(T, name) \
  T* const name = static_cast<T*>(::ddim::engine::cuda::emulation::dynamic_shared())
#define GPU_UNROLL

inline void __syncthreads() { ddim::engine::cuda::emulation::block_barrier(); }
inline void __syncwarp(unsigned mask = ~0U) { ddim::engine::cuda::emulation::warp_barrier(mask); }
template <class T>
T __shfl_sync(unsigned mask, T value, int lane) {
  namespace emulation = ddim::engine::cuda::emulation;
  return emulation::slot<T>(emulation::exchange(value, mask), static_cast<unsigned>(lane) & 31U);
}
template <class T>
T __shfl_xor_sync(unsigned mask, T value, int bits) {
  namespace emulation = ddim::engine::cuda::emulation;
  const unsigned lane = emulation::self().lane ^ static_cast<unsigned>(bits);
  return emulation::slot<T>(emulation::exchange(value, mask), lane);
}
inline unsigned __umulhi(unsigned a, unsigned b) {
  return static_cast<unsigned>(static_cast<std::uint64_t>(a) * b >> 32);
}
inline unsigned atomicAdd(unsigned* address, unsigned value) {
  const unsigned before = *address;  // one thread runs at a time
  *address += value;
  return before;
}
inline unsigned __float_as_uint(float value) { return std::bit_cast<unsigned>(value); }
inline float __uint_as_float(unsigned bits) { return std::bit_cast<float>(bits); }
