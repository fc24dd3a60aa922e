#include "train/gradient_tree.h"

#include <algorithm>
#include <bit>

namespace ddim::engine::train {

GradientTree::GradientTree(const Device& device, const std::vector<const Parameter*>& parameters,
                           std::int64_t num_shards, int num_workers)
    : parameters_(parameters), device_(device), num_shards_(num_shards) {
  const auto depth = static_cast<int>(std::bit_width(static_cast<std::uint64_t>(num_shards - 1)));
  const std::int64_t usual = std::min<std::int64_t>(num_shards, num_workers + depth);
  for (std::int64_t i = 0; i < usual; ++i)
    buffers_.push_back(std::make_unique<Gradients>(device_, parameters_));
  reset();
}

void GradientTree::reset() {
  waiting_.clear();
  idle_.clear();
  for (const auto& buffer : buffers_) idle_.push_back(buffer.get());
  sum_ = nullptr;
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
  std::int64_t index = shard;
  int level = 0;
  for (; (std::int64_t{1} << level) < num_shards_; ++level, index /= 2) {
    const std::int64_t sibling = index ^ 1;
    if ((sibling << level) >= num_shards_) continue;  // a branch without one
    Gradients* other = nullptr;
    {
      const std::lock_guard lock(mutex_);
      const auto found = waiting_.find({level, sibling});
      if (found == waiting_.end()) {
        waiting_[{level, index}] = buffer;
        return;
      }
      other = found->second;
      waiting_.erase(found);
    }
    Gradients* left = index < sibling ? buffer : other;
    Gradients* right = index < sibling ? other : buffer;
    for (std::size_t i = 0; i < left->size(); ++i)
      kernels.accumulate((*right)[i], {(*left)[i], Write::accumulate});
    buffer = left;
    const std::lock_guard lock(mutex_);
    idle_.push_back(right);
  }
  sum_ = buffer;
}

}  // namespace ddim::engine::train
