#include "train/gradient_tree.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>

#include "backend/make_device.h"

namespace ddim::engine::train {
namespace {

float shard_value(std::int64_t shard) {
  return 1.0F / (static_cast<float>(shard) + 3.0F) * (shard % 2 == 0 ? 1.0F : 1e4F);
}

/// The tree by its definition: the sum over shards first..last, cut at a power of two.
float tree_sum(std::int64_t first, std::int64_t count, std::int64_t num_shards) {
  if (count == 1) return shard_value(first);
  const std::int64_t half = count / 2;
  const float left = tree_sum(first, half, num_shards);
  if (first + half >= num_shards) return left;
  return left + tree_sum(first + half, half, num_shards);
}

/// What the tree gives when shards are handed in in this order.
float sum_in_order(const std::vector<std::int64_t>& order) {
  const Device device = make_device(DeviceKind::reference);
  const Parameter parameter{.name = "p", .value = Tensor::persistent(device, {2}), .index = 0};
  GradientTree tree(device, {&parameter}, static_cast<std::int64_t>(order.size()), 1);
  for (int step = 0; step < 2; ++step) {  // the second shows that nothing of the first is left
    tree.reset();
    for (const std::int64_t shard : order) {
      Gradients& gradients = tree.acquire();
      Grad slot = gradients.slot(0);
      device.kernels().fill(shard_value(shard), slot.tensor);
      gradients.finish();
      tree.add(shard, gradients, device.kernels());
    }
  }
  EXPECT_EQ(tree.sum()[0].values<float>()[0], tree.sum()[0].values<float>()[1]);
  return tree.sum()[0].values<float>()[0];
}

TEST(GradientTree, SumDoesNotDependOnTheOrderOfArrival) {
  bool order_could_matter = false;
  for (const std::int64_t num_shards : {1, 2, 3, 4, 5, 7, 8}) {
    std::vector<std::int64_t> order(static_cast<std::size_t>(num_shards));
    std::iota(order.begin(), order.end(), 0);
    const float expected = tree_sum(0, 8, num_shards);
    float in_a_row = 0.0F;
    for (const std::int64_t shard : order) in_a_row += shard_value(shard);
    order_could_matter = order_could_matter || in_a_row != expected;
    int tried = 0;
    do {
      ASSERT_EQ(sum_in_order(order), expected) << num_shards;
    } while (std::ranges::next_permutation(order).found && ++tried < 200);
    std::ranges::sort(order, std::greater<>());
    EXPECT_EQ(sum_in_order(order), expected) << num_shards;
  }
  EXPECT_TRUE(order_could_matter);
}

}  // namespace
}  // namespace ddim::engine::train
