#include "backend/cuda/emulated_gpu.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <numeric>
#include <random>

#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/asan_interface.h>
#include <sanitizer/common_interface_defs.h>
#endif

// void ddim_switch_stack(void** save, void* next): goes on where `next` was saved. The registers
// that a function must keep are on its stack.
extern "C" void ddim_switch_stack(void** save, void* next);
#if defined(__x86_64__)
asm(R"(
.text
ddim_switch_stack:
  pushq %rbp; pushq %rbx; pushq %r12; pushq %r13; pushq %r14; pushq %r15
  movq %rsp,(%rdi); movq %rsi,%rsp
  popq %r15; popq %r14; popq %r13; popq %r12; popq %rbx; popq %rbp
  ret
)");
#elif defined(__aarch64__)
asm(R"(
.text
ddim_switch_stack:
  sub sp,sp,#160
  stp x19,x20,[sp]; stp x21,x22,[sp,#16]; stp x23,x24,[sp,#32]; stp x25,x26,[sp,#48]
  stp x27,x28,[sp,#64]; stp x29,x30,[sp,#80]
  stp d8,d9,[sp,#96]; stp d10,d11,[sp,#112]; stp d12,d13,[sp,#128]; stp d14,d15,[sp,#144]
  mov x9,sp; str x9,[x0]; mov sp,x1
  ldp x19,x20,[sp]; ldp x21,x22,[sp,#16]; ldp x23,x24,[sp,#32]; ldp x25,x26,[sp,#48]
  ldp x27,x28,[sp,#64]; ldp x29,x30,[sp,#80]
  ldp d8,d9,[sp,#96]; ldp d10,d11,[sp,#112]; ldp d12,d13,[sp,#128]; ldp d14,d15,[sp,#144]
  add sp,sp,#160
  ret
)");
#else
#error "emulated_gpu.cpp has no switch of stacks for this processor"
#endif

namespace ddim::engine::cuda {
namespace emulation {
namespace {

constexpr std::size_t kStackBytes = std::size_t{64} << 10;
constexpr int kPoison = 0x7F;  // four of them: 3.4e38, or a large integer

struct SharedArray {
  const void* key;
  std::unique_ptr<std::byte[]> bytes;
  std::size_t num_bytes;
  bool in_use;  // by the block that runs
};

/// The one block that an OS thread runs at a time.
struct Machine {
  Block block;
  std::vector<Warp> warps;
  std::vector<Fiber> fibers;
  std::unique_ptr<std::byte[]> stacks;
  std::size_t num_stacks = 0;
  std::vector<SharedArray> shared_arrays;
  std::unique_ptr<std::byte[]> dynamic_shared;
  std::size_t dynamic_bytes = 0;
  unsigned idle_turns = 0;  // since a barrier was passed
  void (*body)(const void*) = nullptr;
  const void* argument = nullptr;
  Fiber caller;  // of run()
  const void* caller_stack = nullptr;
  std::size_t caller_stack_bytes = 0;
};
thread_local Machine machine;
thread_local Fiber* current = nullptr;

/// Goes on with `to`; comes back when somebody goes on with `from`, unless that is `done`.
enum class Leaving { waits, done };
void go_on(Fiber& from, Fiber& to, [[maybe_unused]] Leaving leaving) {
  current = &to;
#if defined(__SANITIZE_ADDRESS__)
  const bool to_caller = &to == &machine.caller;
  __sanitizer_start_switch_fiber(leaving == Leaving::done ? nullptr : &from.fake_stack,
                                 to_caller ? machine.caller_stack : to.stack,
                                 to_caller ? machine.caller_stack_bytes : kStackBytes);
#endif
  ddim_switch_stack(&from.stack_pointer, to.stack_pointer);
#if defined(__SANITIZE_ADDRESS__)
  __sanitizer_finish_switch_fiber(from.fake_stack, nullptr, nullptr);
#endif
}

void yield() {
  if (++machine.idle_turns > 4 * machine.block.alive + 64)
    stop("waits at a barrier that not all threads reach");
  if (current->next != current) go_on(*current, *current->next, Leaving::waits);
}

template <class Barrier>
void wait_at(Barrier& barrier, unsigned expected) {
  const unsigned generation = barrier.generation;
  if (++barrier.arrived >= expected) {
    barrier.arrived = 0;
    ++barrier.generation;
    machine.idle_turns = 0;
    return;
  }
  while (barrier.generation == generation) yield();
}

template <class Barrier>
void leave(Barrier& barrier) {
  if (--barrier.alive > 0 && barrier.arrived >= barrier.alive) {
    barrier.arrived = 0;
    ++barrier.generation;
  }
}

void fiber_main() {
#if defined(__SANITIZE_ADDRESS__)
  const void* from_stack = nullptr;
  std::size_t from_bytes = 0;
  __sanitizer_finish_switch_fiber(nullptr, &from_stack, &from_bytes);
  if (machine.caller_stack == nullptr) {  // the first fiber comes from run()
    machine.caller_stack = from_stack;
    machine.caller_stack_bytes = from_bytes;
  }
#endif
  machine.body(machine.argument);
  Fiber& done = *current;
  if (done.groups.size() > 0 || !done.copies.empty()) wait_for_copies(0);
  leave(*done.warp);
  leave(machine.block);
  machine.idle_turns = 0;
  done.before->next = done.next;
  done.next->before = done.before;
  go_on(done, done.next == &done ? machine.caller : *done.next, Leaving::done);
  std::abort();  // nobody goes on with it
}

/// A stack on which ddim_switch_stack() finds fiber_main() to return to.
void* fresh_stack(std::byte* stack, unsigned thread) {
  // Stacks that began at one place of their pages would share a few sets of the caches.
  const auto top = (reinterpret_cast<std::uintptr_t>(stack + kStackBytes) & ~std::uintptr_t{63}) -
                   std::uintptr_t{thread % 61} * 192;
#if defined(__x86_64__)
  constexpr int kWords = 10,
                kReturn = 6;  // leaves the stack pointer at 8 modulo 16, as a call does
#else
  constexpr int kWords = 20, kReturn = 11;
#endif
  auto** words = reinterpret_cast<void**>(top) - kWords;
  std::fill(words, words + kWords, nullptr);
  words[kReturn] = reinterpret_cast<void*>(&fiber_main);
  return words;
}

void poison_shared_memory(std::size_t dynamic_bytes) {
  for (SharedArray& array : machine.shared_arrays) array.in_use = false;
  if (machine.dynamic_bytes != dynamic_bytes) {
    machine.dynamic_shared = std::make_unique_for_overwrite<std::byte[]>(dynamic_bytes + 128);
    machine.dynamic_bytes = dynamic_bytes;
  }
  if (dynamic_bytes > 0) std::memset(dynamic_shared(), kPoison, dynamic_bytes);
}

void run_block(const Launch& launch, const dim3& index) {
  const dim3& size = launch.block;
  const unsigned num_threads = size.x * size.y * size.z;
  machine.block = {.grid = launch.grid, .size = size, .index = index, .alive = num_threads};
  machine.idle_turns = 0;
  machine.warps.resize((num_threads + 31) / 32);
  for (Warp& warp : machine.warps) warp.alive = warp.arrived = 0;
  machine.fibers.resize(num_threads);
  if (machine.num_stacks < num_threads) {
    machine.stacks = std::make_unique_for_overwrite<std::byte[]>(num_threads * kStackBytes);
    machine.num_stacks = num_threads;
  }
#if defined(__SANITIZE_ADDRESS__)
  __asan_unpoison_memory_region(machine.stacks.get(), num_threads * kStackBytes);
  machine.caller_stack = nullptr;
#endif
  poison_shared_memory(launch.shared_bytes);

  for (unsigned t = 0; t < num_threads; ++t) {
    Fiber& fiber = machine.fibers[t];
    fiber.thread = {t % size.x, t / size.x % size.y, t / (size.x * size.y)};
    fiber.lane = t % 32;
    fiber.turn = 0;
    fiber.warp = &machine.warps[t / 32];
    fiber.copies.clear();
    fiber.groups.clear();
    ++fiber.warp->alive;
    fiber.stack = machine.stacks.get() + t * kStackBytes;
    fiber.stack_pointer = fresh_stack(fiber.stack, t);
  }
  std::vector<unsigned> ring(num_threads);
  std::iota(ring.begin(), ring.end(), 0U);
  if (launch.order == Order::backward) std::reverse(ring.begin(), ring.end());
  if (launch.order == Order::shuffled)
    std::shuffle(ring.begin(), ring.end(), std::mt19937(index.x * 7919 + index.y * 104729 + 17));
  for (unsigned i = 0; i < num_threads; ++i) {
    Fiber& fiber = machine.fibers[ring[i]];
    fiber.next = &machine.fibers[ring[(i + 1) % num_threads]];
    fiber.next->before = &fiber;
  }
  go_on(machine.caller, machine.fibers[ring[0]], Leaving::waits);
}

}  // namespace

Fiber& self() { return *current; }
Block& block() { return machine.block; }

void* shared_array(const void* key, std::size_t num_bytes) {
  auto array = std::ranges::find(machine.shared_arrays, key, &SharedArray::key);
  if (array == machine.shared_arrays.end()) {
    machine.shared_arrays.push_back(
        {key, std::make_unique_for_overwrite<std::byte[]>(num_bytes), num_bytes, false});
    array = machine.shared_arrays.end() - 1;
  }
  if (!array->in_use) std::memset(array->bytes.get(), kPoison, num_bytes);
  array->in_use = true;
  return array->bytes.get();
}

void* dynamic_shared() {
  const auto address = reinterpret_cast<std::uintptr_t>(machine.dynamic_shared.get());
  return reinterpret_cast<void*>((address + 127) & ~std::uintptr_t{127});
}

void stop(const char* what) {
  const dim3& b = machine.block.index;
  const dim3& t = current->thread;
  std::fprintf(stderr, "emulated GPU: thread %u,%u,%u of block %u,%u,%u %s\n", t.x, t.y, t.z, b.x,
               b.y, b.z, what);
  std::abort();
}

void block_barrier() { wait_at(machine.block, machine.block.alive); }

void warp_barrier(unsigned mask) {
  Warp& warp = *current->warp;
  wait_at(warp, std::min(warp.alive, static_cast<unsigned>(std::popcount(mask))));
}

void wait_for_copies(std::size_t num_pending_groups) {
  Fiber& fiber = *current;
  if (fiber.groups.size() <= num_pending_groups) return;
  const std::size_t num_groups = fiber.groups.size() - num_pending_groups;
  const std::size_t end = fiber.groups[num_groups - 1];
  for (std::size_t i = 0; i < end; ++i) {
    const Copy& copy = fiber.copies[i];
    if (copy.valid) {
      std::memcpy(copy.to, copy.from, 16);
    } else {
      std::memset(copy.to, 0, 16);
    }
  }
  fiber.copies.erase(fiber.copies.begin(), fiber.copies.begin() + static_cast<std::ptrdiff_t>(end));
  fiber.groups.erase(fiber.groups.begin(),
                     fiber.groups.begin() + static_cast<std::ptrdiff_t>(num_groups));
  for (std::size_t& group : fiber.groups) group -= end;
}

void run(const Launch& launch, void (*body)(const void*), const void* argument) {
  machine.body = body;
  machine.argument = argument;
  for (unsigned z = 0; z < launch.grid.z; ++z)
    for (unsigned y = 0; y < launch.grid.y; ++y)
      for (unsigned x = 0; x < launch.grid.x; ++x) run_block(launch, {x, y, z});
}

namespace {

/// A warp-wide instruction: the lane that comes last computes what each lane gets from what all
/// give.
template <class In, class Compute>
const std::byte (&collective(const In& value, Compute compute))[16] {
  Fiber& fiber = self();
  Warp& warp = *fiber.warp;
  const unsigned turn = fiber.turn ^= 1U;
  std::memcpy(warp.in[turn][fiber.lane], &value, sizeof value);
  if (warp.arrived + 1 >= warp.alive) {
    if (warp.alive != 32) stop("is in a warp-wide instruction that not all 32 lanes reach");
    compute(warp.in[turn], warp.out[turn]);
  }
  warp_barrier(~0U);
  return warp.out[turn][fiber.lane];
}

const void* checked_row(const void* row) {
  if (reinterpret_cast<std::uintptr_t>(row) % 16 != 0)
    stop("loads a row of a matrix that is not aligned to 16 bytes");
  return row;
}

struct Fragments {
  unsigned a[4], b[2];
  float c[4];
};

/// The nearest float towards zero, as tensor cores round.
float cut_off(double sum) {
  const auto nearest = static_cast<float>(sum);
  const bool is_beyond = std::isfinite(nearest) && std::abs(nearest) > std::abs(sum);
  return is_beyond ? std::nextafter(nearest, 0.0F) : nearest;
}

/// What each lane's fragments of c + a b are: an exact sum, cut off once.
void multiply(const std::byte (*in)[Warp::kSlotBytes], std::byte (*out)[16]) {
  float a[16][16], b[16][8];
  double d[16][8];
  const auto half = [](unsigned pair, unsigned e) {
    return to_float({static_cast<std::uint16_t>(pair >> (16 * e))});
  };
  for (unsigned lane = 0; lane < 32; ++lane) {
    const auto f = slot<Fragments>(in, lane);
    const unsigned g = lane / 4, c = lane % 4 * 2;
    for (unsigned i = 0; i < 4; ++i)
      for (unsigned e = 0; e < 2; ++e) a[g + 8 * (i % 2)][c + e + 8 * (i / 2)] = half(f.a[i], e);
    for (unsigned i = 0; i < 2; ++i)
      for (unsigned e = 0; e < 2; ++e) b[c + e + 8 * i][g] = half(f.b[i], e);
    for (unsigned i = 0; i < 4; ++i) d[g + 8 * (i / 2)][c + i % 2] = f.c[i];
  }
  for (unsigned m = 0; m < 16; ++m)
    for (unsigned k = 0; k < 16; ++k)
      for (unsigned n = 0; n < 8; ++n) d[m][n] += static_cast<double>(a[m][k]) * b[k][n];
  for (unsigned lane = 0; lane < 32; ++lane) {
    float sums[4];
    for (unsigned i = 0; i < 4; ++i)
      sums[i] = cut_off(d[lane / 4 + 8 * (i / 2)][lane % 4 * 2 + i % 2]);
    std::memcpy(out[lane], sums, sizeof sums);
  }
}

}  // namespace
}  // namespace emulation

void ldmatrix_x4(unsigned (&r)[4], const void* row) {
  using namespace emulation;
  const auto& result = collective(checked_row(row), [](const auto* in, std::byte(*out)[16]) {
    for (unsigned i = 0; i < 32; ++i) {  // the row that lane i names
      const auto* elements = slot<const std::byte*>(in, i);
      for (unsigned pair = 0; pair < 4; ++pair)
        std::memcpy(&out[i % 8 * 4 + pair][i / 8 * 4], elements + 4 * pair, 4);
    }
  });
  std::memcpy(r, result, sizeof result);
}

void ldmatrix_x4_transposed(unsigned (&r)[4], const void* row) {
  using namespace emulation;
  const auto& result = collective(checked_row(row), [](const auto* in, std::byte(*out)[16]) {
    for (unsigned i = 0; i < 32; ++i) {
      const auto* elements = slot<const std::byte*>(in, i);
      for (unsigned column = 0; column < 8; ++column)
        std::memcpy(&out[column * 4 + i % 8 / 2][i / 8 * 4 + i % 2 * 2], elements + 2 * column, 2);
    }
  });
  std::memcpy(r, result, sizeof result);
}

void mma_bf16(float (&d)[4], const unsigned (&a)[4], unsigned b0, unsigned b1) {
  using namespace emulation;
  const Fragments fragments{{a[0], a[1], a[2], a[3]}, {b0, b1}, {d[0], d[1], d[2], d[3]}};
  std::memcpy(d, collective(fragments, multiply), sizeof d);
}

}  // namespace ddim::engine::cuda
