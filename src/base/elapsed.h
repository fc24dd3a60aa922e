#pragma once

#include <chrono>

namespace ddim::engine {

/// Since that moment.
inline double seconds_since(std::chrono::steady_clock::time_point start) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

}  // namespace ddim::engine
