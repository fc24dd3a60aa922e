#pragma once

#include <algorithm>
#include <thread>

#include "base/error.h"

namespace ddim {

/// What a public `threads` means: 0 is one per processor. Error(user) below 0.
inline int num_threads_of(int threads) {
  require(threads >= 0, "threads must be at least 0, is ", threads);
  if (threads > 0) return threads;
  return std::max(1, static_cast<int>(std::thread::hardware_concurrency()));
}

}  // namespace ddim
