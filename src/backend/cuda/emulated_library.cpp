#include "backend/cuda/emulated_library.h"

#include <new>

#include "backend/cuda/device/kernel_table.h"

namespace ddim::engine::cuda {
namespace {

constexpr std::align_val_t kAlignment{256};  // of cudaMalloc
constexpr int kMaxSharedBytes = 227 << 10;   // of an H100

const char* start(GpuDescription* description, void** stream) {
  *description = {.name = "emulation",
                  .total_bytes = std::size_t{4} << 30,
                  .free_bytes = std::size_t{4} << 30,
                  .max_shared_bytes = kMaxSharedBytes};
  *stream = nullptr;
  return nullptr;
}
void finish(void*) {}
const char* allocate(std::size_t num_bytes, void** data) {
  *data = ::operator new(num_bytes, kAlignment, std::nothrow);
  return *data == nullptr ? "out of memory" : nullptr;
}
void deallocate(void* data) { ::operator delete(data, kAlignment); }
std::size_t free_bytes() { return std::size_t{4} << 30; }
const char* copy(void*, const void* from, void* to, std::size_t num_bytes) {
  std::memcpy(to, from, num_bytes);
  return nullptr;
}
const char* synchronize(void*) { return nullptr; }

template <emulation::Order kOrder>
const char* launch(void*, KernelId kernel, const LaunchShape& shape, const void* arguments,
                   std::size_t argument_bytes) {
  static const KernelTable table = all_kernels();
  const KernelEntry& entry = table[kernel];
  if (entry.argument_bytes != argument_bytes) return "the arguments are another kernel's";
  if (shape.threads == 0 || shape.threads > 1024 || shape.shared_bytes > kMaxSharedBytes ||
      shape.grid[1] > 65535 || shape.grid[2] > 65535)
    return "invalid configuration argument";
  struct Call {
    const KernelEntry& entry;
    const void* arguments;
  } const call{entry, arguments};
  emulation::run(
      {.grid = {shape.grid[0], shape.grid[1], shape.grid[2]},
       .block = {shape.threads},
       .shared_bytes = shape.shared_bytes,
       .order = kOrder},
      [](const void* argument) {
        const auto& c = *static_cast<const Call*>(argument);
        c.entry.call(c.entry.kernel, c.arguments);
      },
      &call);
  return nullptr;
}

template <emulation::Order kOrder>
constexpr Library kLibrary{.version = kLibraryVersion,
                           .start = start,
                           .finish = finish,
                           .allocate = allocate,
                           .deallocate = deallocate,
                           .free_bytes = free_bytes,
                           .copy_to_device = copy,
                           .copy_to_host = copy,
                           .synchronize = synchronize,
                           .launch = launch<kOrder>};

}  // namespace

const Library& emulated_library(emulation::Order order) {
  switch (order) {
    case emulation::Order::forward:
      return kLibrary<emulation::Order::forward>;
    case emulation::Order::backward:
      return kLibrary<emulation::Order::backward>;
    case emulation::Order::shuffled:
      return kLibrary<emulation::Order::shuffled>;
  }
  return kLibrary<emulation::Order::forward>;
}

}  // namespace ddim::engine::cuda
