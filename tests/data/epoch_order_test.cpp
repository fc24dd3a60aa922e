#include "data/epoch_order.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <numeric>

namespace ddim::engine::data {
namespace {

TEST(EpochOrder, EveryEpochIsAPermutationAndNoTwoAreEqual) {
  for (const std::int64_t count : {1, 2, 7, 100}) {
    std::vector<std::vector<std::int64_t>> epochs;
    for (std::int64_t epoch = 0; epoch < 3; ++epoch) {
      epochs.push_back(epoch_permutation(count, 5, epoch));
      std::vector<std::int64_t> sorted = epochs.back();
      std::ranges::sort(sorted);
      std::vector<std::int64_t> all(static_cast<std::size_t>(count));
      std::iota(all.begin(), all.end(), 0);
      EXPECT_EQ(sorted, all);
    }
    if (count == 100) {
      EXPECT_NE(epochs[0], epochs[1]);
      EXPECT_NE(epochs[1], epochs[2]);
      EXPECT_NE(epochs[0], epoch_permutation(count, 6, 0));
    }
  }
}

TEST(EpochOrder, EveryOrderOfThreeIsAboutAsFrequent) {
  std::map<std::vector<std::int64_t>, int> counts;
  for (std::int64_t epoch = 0; epoch < 6000; ++epoch) ++counts[epoch_permutation(3, 1, epoch)];
  ASSERT_EQ(counts.size(), 6U);
  for (const auto& [order, count] : counts) EXPECT_NEAR(count, 1000, 150);  // 5 sigma
}

TEST(EpochOrder, BatchesWalkThroughTheEpochsWithoutAGap) {
  EpochOrder order(10, 3);
  std::vector<std::int64_t> walked;
  for (std::int64_t step = 0; step < 5; ++step) {
    const auto batch = order.batch(step, 6);
    walked.insert(walked.end(), batch.begin(), batch.end());
  }
  std::vector<std::int64_t> expected;
  for (std::int64_t epoch = 0; epoch < 3; ++epoch) {
    const auto permutation = epoch_permutation(10, 3, epoch);
    expected.insert(expected.end(), permutation.begin(), permutation.end());
  }
  EXPECT_EQ(walked, expected);
}

TEST(EpochOrder, ABatchDependsOnItsStepAlone) {
  EpochOrder straight(10, 3), jumping(10, 3);
  for (std::int64_t step = 0; step < 4; ++step) straight.batch(step, 7);
  EXPECT_EQ(straight.batch(4, 7), jumping.batch(4, 7));
  EXPECT_EQ(straight.batch(1, 7), jumping.batch(1, 7));
  EXPECT_EQ(EpochOrder(2, 3).batch(0, 5).size(), 5U);  // a batch of several epochs
}

}  // namespace
}  // namespace ddim::engine::data
