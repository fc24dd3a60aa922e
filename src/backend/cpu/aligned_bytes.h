#pragma once

#include <cstddef>
#include <memory>

namespace ddim::engine::cpu {

/// What memory of the kernels is aligned to, in bytes.
inline constexpr std::size_t kAlignment = 64;

/// `num_bytes` rounded up to a multiple of the alignment.
constexpr std::size_t aligned(std::size_t num_bytes) {
  return (num_bytes + kAlignment - 1) / kAlignment * kAlignment;
}

struct FreeAlignedBytes {
  void operator()(std::byte* data) const;
};
/// Aligned memory, contents undefined.
using AlignedBytes = std::unique_ptr<std::byte, FreeAlignedBytes>;
AlignedBytes allocate_aligned(std::size_t num_bytes);

}  // namespace ddim::engine::cpu
