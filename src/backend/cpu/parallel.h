#pragma once

#include <algorithm>
#include <cstdint>

#include "base/thread_team.h"
#include "tensor/block_sums.h"

namespace ddim::engine::cpu {

/// How many pieces of `size` cover n.
constexpr std::int64_t divide_up(std::int64_t n, std::int64_t size) {
  return (n + size - 1) / size;
}

/// Calls body(i) for i in 0..n-1 on the threads of `team`. Iterations must be independent, and what
/// one computes must not depend on the number of threads.
template <class Body>
void parallel_for(ThreadTeam& team, std::int64_t n, const Body& body) {
  team.for_each(n, [&body](int /*thread*/, std::int64_t i) { body(i); });
}

/// Cuts 0..n-1 into blocks of `block` (the last may be shorter) and calls body(begin, count) for
/// each, on the threads of `team`.
template <class Body>
void parallel_blocks(ThreadTeam& team, std::int64_t n, std::int64_t block, const Body& body) {
  parallel_for(team, divide_up(n, block),
               [&](std::int64_t i) { body(i * block, std::min(block, n - i * block)); });
}

/// How many rows of `row_elements` floats make about one block; at least 1.
inline std::int64_t rows_per_block(std::int64_t row_elements) {
  return std::max<std::int64_t>(1, kBlockElements / std::max<std::int64_t>(1, row_elements));
}

}  // namespace ddim::engine::cpu
