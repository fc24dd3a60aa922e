#pragma once

#include <cstdint>

namespace ddim {

/// The most physical memory that this process has held so far, in bytes.
std::int64_t peak_memory_bytes();

}  // namespace ddim
