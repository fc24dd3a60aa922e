// The memory of an emulated GPU, which code of the host cannot touch: outside of kernels and
// copies, reading or writing it ends the process with a report, as on a machine whose GPU has
// memory of its own. With -fsanitize=address, an access beyond a block is reported, too.
#pragma once

#include <cstddef>

namespace ddim::engine::cuda::emulation {

inline constexpr std::size_t kMemoryBytes = std::size_t{4} << 30;

/// A block, aligned as cudaMalloc() aligns; null where none is left.
void* allocate_memory(std::size_t num_bytes);
void free_memory(void* data) noexcept;
std::size_t free_memory_bytes();
/// Whether all of these bytes are in one block.
bool is_device_memory(const void* data, std::size_t num_bytes);

/// While one lives, memory can be touched: by kernels and copies. Of several threads, the last to
/// end it closes the memory.
class MemoryAccess {
 public:
  MemoryAccess();
  ~MemoryAccess();
  MemoryAccess(const MemoryAccess&) = delete;
  MemoryAccess& operator=(const MemoryAccess&) = delete;
};

}  // namespace ddim::engine::cuda::emulation
