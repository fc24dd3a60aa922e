#pragma once

#include <sys/resource.h>

#include <cstdint>

namespace ddim::cli {

/// The most memory that this process has held at any time (resident set).
inline std::int64_t peak_memory_bytes() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return std::int64_t{usage.ru_maxrss} * 1024;
}

}  // namespace ddim::cli
