#include "backend/cpu/aligned_bytes.h"

#include <new>

namespace ddim::engine::cpu {

void FreeAlignedBytes::operator()(std::byte* data) const {
  ::operator delete (data, std::align_val_t{kAlignment});
}

AlignedBytes allocate_aligned(std::size_t num_bytes) {
  return AlignedBytes(
      static_cast<std::byte*>(::operator new (num_bytes, std::align_val_t{kAlignment})));
}

}  // namespace ddim::engine::cpu
