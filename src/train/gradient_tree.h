#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <utility>
#include <vector>

#include "tensor/parameter.h"

namespace ddim::engine::train {

/// Adds the gradients of a step's shards along a fixed binary tree over shard indices,
/// ((0 + 1) + (2 + 3)) + ..., so that the sum is the same bit for bit whichever worker computes
/// which shard and when. Two neighbours are added as soon as both are there, and their buffer is
/// used again: with W workers about W + log2(shards) buffers are alive instead of one per shard.
class GradientTree {
 public:
  GradientTree(const Device& device, const std::vector<const Parameter*>& parameters,
               std::int64_t num_shards, int num_workers);

  /// A cleared buffer for one shard. Thread-safe.
  Gradients& acquire();
  /// Hands in the gradients of `shard`, complete, and adds what can be added, with `kernels` (those
  /// of the calling worker). Thread-safe.
  void add(std::int64_t shard, Gradients& gradients, Kernels& kernels);
  /// The sum, after all shards have been handed in.
  const Gradients& sum() const { return *sum_; }
  /// Begins a new step: whatever the last one left, finished or not, is forgotten.
  void reset();

 private:
  using Node = std::pair<int, std::int64_t>;  // level and index: shards index*2^level and following

  std::vector<const Parameter*> parameters_;
  Device device_;
  std::int64_t num_shards_;
  std::mutex mutex_;
  std::vector<std::unique_ptr<Gradients>> buffers_;
  std::vector<Gradients*> idle_;
  std::map<Node, Gradients*> waiting_;  // for their sibling
  Gradients* sum_ = nullptr;
};

}  // namespace ddim::engine::train
