#pragma once

#include <cstddef>

namespace ddim::engine {

/// What memory for numbers is aligned to, in bytes: a cache line.
inline constexpr std::size_t kNumberAlignment = 64;

/// `num_bytes` (>= 1) for numbers that are read and written over and over, contents undefined; null
/// where there is no memory. Large ones lie in huge pages where the system gives them to who asks:
/// with small ones, a processor looks up an address for every 4 KiB that it reads, which takes a
/// fifth of a training step on a virtual machine.
std::byte* allocate_numbers(std::size_t num_bytes) noexcept;
/// Of allocate_numbers(num_bytes).
void free_numbers(std::byte* data, std::size_t num_bytes) noexcept;

}  // namespace ddim::engine
