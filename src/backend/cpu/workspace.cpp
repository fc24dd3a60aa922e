#include "backend/cpu/workspace.h"

#include <algorithm>

namespace ddim::engine::cpu {

std::byte* Workspace::get(std::size_t num_bytes) {
  num_bytes = std::max<std::size_t>(num_bytes, 1);
  if (num_bytes > capacity_) {
    data_.reset();
    capacity_ = 0;
    data_ = allocate_aligned(num_bytes);
    capacity_ = num_bytes;
  }
  return data_.get();
}

}  // namespace ddim::engine::cpu
