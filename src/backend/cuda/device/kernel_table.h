// How kernels become known to a library.
#pragma once

#include <cstddef>

#include "backend/cuda/arguments.h"
#include "backend/cuda/gpu.h"

namespace ddim::engine::cuda {

struct KernelEntry {
  KernelId id;
  const void* kernel;
  std::size_t argument_bytes;
  void (*call)(const void* kernel, const void* arguments);  ///< in the emulation
};

template <class Arguments>
KernelEntry entry_of(void (*kernel)(Arguments)) {
  return {
    .id = Arguments::kId, .kernel = reinterpret_cast<const void*>(kernel),
    .argument_bytes = sizeof(Arguments),
    .call =
#if defined(__CUDACC__)
        nullptr
#else
        [](const void* function, const void* arguments) {
          reinterpret_cast<void (*)(Arguments)>(const_cast<void*>(function))(
              *static_cast<const Arguments*>(arguments));
        }
#endif
  };
}

/// The kernels by their ids.
struct KernelTable {
  KernelEntry entries[static_cast<std::size_t>(KernelId::count)] = {};

  void put(const KernelEntry& entry) { entries[static_cast<std::size_t>(entry.id)] = entry; }
  const KernelEntry& operator[](KernelId id) const { return entries[static_cast<std::size_t>(id)]; }
};

// One for each file of kernels.
void add_elementwise_kernels(KernelTable& table);
void add_random_kernels(KernelTable& table);
void add_moving_kernels(KernelTable& table);
void add_sum_kernels(KernelTable& table);
void add_norm_kernels(KernelTable& table);
void add_f32_product_kernels(KernelTable& table);
void add_bf16_product_kernels(KernelTable& table);

inline KernelTable all_kernels() {
  KernelTable table;
  add_elementwise_kernels(table);
  add_random_kernels(table);
  add_moving_kernels(table);
  add_sum_kernels(table);
  add_norm_kernels(table);
  add_f32_product_kernels(table);
  add_bf16_product_kernels(table);
  return table;
}

}  // namespace ddim::engine::cuda
