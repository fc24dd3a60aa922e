#include "backend/cpu/aligned_bytes.h"

#include <new>

namespace ddim::engine::cpu {

AlignedBytes allocate_aligned(std::size_t num_bytes) {
  std::byte* const data = allocate_numbers(num_bytes);
  if (data == nullptr) throw std::bad_alloc();
  return {data, {num_bytes}};
}

}  // namespace ddim::engine::cpu
