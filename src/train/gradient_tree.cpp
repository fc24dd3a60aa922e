#include "train/gradient_tree.h"

#include <algorithm>
#include <bit>

namespace ddim::engine::train {

namespace {

/// The first shard of a node and the one after its last.
ShardRange shards_of(const TreeNode& node, std::int64_t num_shards) {
  const std::int64_t first = node.index << node.level;
  return {.first = first, .count = std::min(std::int64_t{1} << node.level, num_shards - first)};
}

bool has(const ShardRange& range, const ShardRange& part) {
  return range.first <= part.first && part.end() <= range.end();
}

}  // namespace

std::vector<TreeNode> nodes_of(const ShardRange& own, std::int64_t num_shards) {
  std::vector<TreeNode> nodes;
  for (std::int64_t shard = own.first; shard < own.end();) {
    TreeNode node{.level = 0, .index = shard};
    for (TreeNode parent = node;; node = parent) {
      parent = {.level = node.level + 1, .index = node.index / 2};
      const ShardRange shards = shards_of(parent, num_shards);
      if ((std::int64_t{1} << node.level) >= num_shards || shards.first < shard ||
          !has(own, shards))
        break;
    }
    nodes.push_back(node);
    shard = shards_of(node, num_shards).end();
  }
  return nodes;
}

GradientTree::GradientTree(const Device& device, const std::vector<const Parameter*>& parameters,
                           std::int64_t num_shards, int num_workers)
    : GradientTree(device, parameters, num_shards, {.first = 0, .count = num_shards}, num_workers) {
}

GradientTree::GradientTree(const Device& device, const std::vector<const Parameter*>& parameters,
                           std::int64_t num_shards, const ShardRange& own, int num_workers)
    : parameters_(parameters), device_(device), num_shards_(num_shards), own_(own) {
  const auto depth = static_cast<int>(std::bit_width(static_cast<std::uint64_t>(own.count - 1)));
  const std::int64_t usual = std::min<std::int64_t>(own.count, num_workers + depth);
  for (std::int64_t i = 0; i < usual; ++i)
    buffers_.push_back(std::make_unique<Gradients>(device_, parameters_));
  reset();
}

bool GradientTree::is_own(const TreeNode& node) const {
  return has(own_, shards_of(node, num_shards_));
}

void GradientTree::reset() {
  waiting_.clear();
  idle_.clear();
  for (const auto& buffer : buffers_) idle_.push_back(buffer.get());
  partial_sums_.clear();
}

Gradients& GradientTree::acquire() {
  const std::lock_guard lock(mutex_);
  if (idle_.empty()) {
    buffers_.push_back(std::make_unique<Gradients>(device_, parameters_));
    idle_.push_back(buffers_.back().get());
  }
  Gradients* buffer = idle_.back();
  idle_.pop_back();
  buffer->clear();
  return *buffer;
}

void GradientTree::add(std::int64_t shard, Gradients& gradients, Kernels& kernels) {
  Gradients* buffer = &gradients;
  TreeNode node{.level = 0, .index = shard};
  for (; (std::int64_t{1} << node.level) < num_shards_;
       node = {.level = node.level + 1, .index = node.index / 2}) {
    const TreeNode sibling{.level = node.level, .index = node.index ^ 1};
    if ((sibling.index << node.level) >= num_shards_) continue;  // a branch without one
    if (!is_own(sibling)) break;
    Gradients* other = nullptr;
    {
      const std::lock_guard lock(mutex_);
      const auto found = waiting_.find(sibling);
      if (found == waiting_.end()) {
        waiting_[node] = buffer;
        return;
      }
      other = found->second;
      waiting_.erase(found);
    }
    Gradients* left = node.index < sibling.index ? buffer : other;
    Gradients* right = node.index < sibling.index ? other : buffer;
    for (std::size_t i = 0; i < left->size(); ++i)
      kernels.accumulate((*right)[i], {(*left)[i], Write::accumulate});
    buffer = left;
    const std::lock_guard lock(mutex_);
    idle_.push_back(right);
  }
  const std::lock_guard lock(mutex_);
  partial_sums_[node] = buffer;
}

}  // namespace ddim::engine::train
