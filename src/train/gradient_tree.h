#pragma once

#include <compare>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <vector>

#include "tensor/parameter.h"

namespace ddim::engine::train {

/// Some consecutive shards of a step.
struct ShardRange {
  std::int64_t first = 0;
  std::int64_t count = 0;
  std::int64_t end() const { return first + count; }
};

/// A node of the tree over a step's shards: the sum of shards index * 2^level and following,
/// 2^level of them, or as many as there are.
struct TreeNode {
  int level = 0;
  std::int64_t index = 0;
  auto operator<=>(const TreeNode&) const = default;
};

/// The fewest nodes of the tree over `num_shards` that have all shards of `own` and no others, in
/// their order.
std::vector<TreeNode> nodes_of(const ShardRange& own, std::int64_t num_shards);

/// Adds the gradients of a step's shards along a fixed binary tree over shard indices,
/// ((0 + 1) + (2 + 3)) + ..., so that the sum is the same bit for bit whichever worker computes
/// which shard and when. Two neighbours are added as soon as both are there, and their buffer is
/// used again: with W workers about W + log2(shards) buffers are alive instead of one per shard.
/// A process that has only some of the shards adds as far up as these go.
class GradientTree {
 public:
  GradientTree(const Device& device, const std::vector<const Parameter*>& parameters,
               std::int64_t num_shards, int num_workers);
  GradientTree(const Device& device, const std::vector<const Parameter*>& parameters,
               std::int64_t num_shards, const ShardRange& own, int num_workers);

  /// A cleared buffer for one shard. Thread-safe.
  Gradients& acquire();
  /// Hands in the gradients of `shard`, complete, and adds what can be added, with `kernels` (those
  /// of the calling worker). Thread-safe.
  void add(std::int64_t shard, Gradients& gradients, Kernels& kernels);
  /// The sum, after all shards have been handed in, where all are this process's own.
  const Gradients& sum() const { return *partial_sums_.begin()->second; }
  /// The sums of nodes_of() the own shards, after all of these have been handed in.
  const std::map<TreeNode, Gradients*>& partial_sums() const { return partial_sums_; }
  /// Begins a new step: whatever the last one left, finished or not, is forgotten.
  void reset();

 private:
  bool is_own(const TreeNode& node) const;

  std::vector<const Parameter*> parameters_;
  Device device_;
  std::int64_t num_shards_;
  ShardRange own_;
  std::mutex mutex_;
  std::vector<std::unique_ptr<Gradients>> buffers_;
  std::vector<Gradients*> idle_;
  std::map<TreeNode, Gradients*> waiting_;  // for their sibling
  std::map<TreeNode, Gradients*> partial_sums_;
};

}  // namespace ddim::engine::train
