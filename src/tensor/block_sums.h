#pragma once

#include <cstdint>
#include <span>

namespace ddim::engine {

/// How many floats a piece of elementwise work has: 64 KB, large against the cost of a thread
/// taking it, and cut at the same places whatever the number of threads. On `cpu`, the sum of
/// squares of a tensor is sum_by_tree() of those of its blocks (the last may be shorter), so
/// processes that have some of the blocks each can take it together.
inline constexpr std::int64_t kBlockElements = 16384;

/// Adds the values by a binary tree over their indices.
inline double sum_by_tree(std::span<const double> values) {
  if (values.empty()) return 0.0;
  if (values.size() == 1) return values[0];
  const std::size_t half = values.size() / 2;
  return sum_by_tree(values.first(half)) + sum_by_tree(values.subspan(half));
}

}  // namespace ddim::engine
