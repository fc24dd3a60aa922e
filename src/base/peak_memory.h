#pragma once

#include <cstdint>

namespace ddim::engine {

/// The peak of the physical memory of this process so far, in bytes.
std::int64_t peak_memory_bytes();

}  // namespace ddim::engine
