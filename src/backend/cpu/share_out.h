#pragma once

#include <cstdint>

#include "backend/cpu/parallel.h"

namespace ddim::cpu {

/// Calls body(thread, item) for item 0..num_items-1, each of `num_threads` threads taking one
/// contiguous range; thread is 0..num_threads-1, and what it indexes is not shared. What an item
/// computes must not depend on the thread.
template <class Body>
void share_out(int num_threads, std::int64_t num_items, const Body& body) {
  parallel_for(num_threads, num_threads, [&](std::int64_t thread) {
    const std::int64_t begin = num_items * thread / num_threads;
    const std::int64_t end = num_items * (thread + 1) / num_threads;
    for (std::int64_t item = begin; item < end; ++item) body(static_cast<int>(thread), item);
  });
}

}  // namespace ddim::cpu
