#pragma once

#include <cstddef>
#include <memory>

#include "base/number_memory.h"

namespace ddim::engine::cpu {

/// `num_bytes` rounded up to a multiple of the alignment.
constexpr std::size_t aligned(std::size_t num_bytes) {
  return (num_bytes + kNumberAlignment - 1) / kNumberAlignment * kNumberAlignment;
}

struct FreeAlignedBytes {
  std::size_t num_bytes = 0;
  void operator()(std::byte* data) const { free_numbers(data, num_bytes); }
};
/// Memory of allocate_numbers(). std::bad_alloc where there is none.
using AlignedBytes = std::unique_ptr<std::byte, FreeAlignedBytes>;
AlignedBytes allocate_aligned(std::size_t num_bytes);

}  // namespace ddim::engine::cpu
