#include "eval/set_distances.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <numeric>

#include "base/philox.h"
#include "tests/eval/features.h"
#include "tests/eval/quality_values.h"
#include "tests/support/expect_error.h"

namespace ddim::engine::eval {
namespace {

const std::vector<float> kX = some_features(300, 6, 0.0);
const std::vector<float> kY = some_features(200, 6, 0.8);
const FeatureRows kRowsX{.dimensions = 6, .values = kX};
const FeatureRows kRowsY{.dimensions = 6, .values = kY};

TEST(SquaredMmd, IsThatOfNumPy) { EXPECT_NEAR(squared_mmd(kRowsX, kRowsY), kMmd2, 1e-12); }

// The interval says how far the distances of other pictures of the same kind are from each other.
TEST(KernelDistance, HasAnIntervalThatOtherPicturesConfirm) {
  constexpr int kRuns = 60;
  std::vector<double> means;
  double half_width = 0.0;
  for (std::uint32_t run = 0; run < kRuns; ++run) {
    std::vector<float> x(200 * 4), y(200 * 4);
    fill_normal({.seed = 5}, 2 * run, x);
    fill_normal({.seed = 5}, 2 * run + 1, y);
    for (float& value : y) value += 0.7F;
    const Interval found =
        kernel_distance({.dimensions = 4, .values = x}, {.dimensions = 4, .values = y},
                        {.subset_size = 100, .num_subsets = 40});
    means.push_back(found.mean);
    half_width += found.half_width_95 / kRuns;
  }
  const double expected = mean_interval(means).half_width_95 * std::sqrt(kRuns);
  EXPECT_GT(half_width, 0.7 * expected);
  EXPECT_LT(half_width, 1.5 * expected);
}

TEST(KernelDistance, DependsOnItsSeedOnly) {
  const Subsets subsets{.subset_size = 100, .num_subsets = 5, .seed = 1};
  const double found = kernel_distance(kRowsX, kRowsY, subsets).mean;
  EXPECT_EQ(found, kernel_distance(kRowsX, kRowsY, subsets).mean);
  EXPECT_NE(
      found,
      kernel_distance(kRowsX, kRowsY, {.subset_size = 100, .num_subsets = 5, .seed = 2}).mean);
}

TEST(KernelDistance, RefusesSubsetsThatAreNotSmaller) {
  test::expect_error(ErrorCode::user, {"subsets of 200", "smaller set has 200"},
                     [] { kernel_distance(kRowsX, kRowsY, {.subset_size = 200}); });
}

TEST(PartWithin, IsThatOfNumPy) {
  for (const int threads : {1, 3}) {
    EXPECT_NEAR(part_within(kRowsY, kRowsX, 3, threads).mean, kPrecision, 1e-12);
    EXPECT_NEAR(part_within(kRowsX, kRowsY, 3, threads).mean, kRecall, 1e-12);
  }
  const double p = kPrecision;
  EXPECT_NEAR(part_within(kRowsY, kRowsX, 3, 1).half_width_95,
              1.96 * std::sqrt(p * (1 - p) / 199.0), 1e-12);
}

TEST(PartWithin, NeedsMorePicturesThanNeighbours) {
  const std::vector<float> three(3, 0.0F);
  const FeatureRows rows{.dimensions = 1, .values = three};
  test::expect_error(ErrorCode::user, "more than 3 pictures; got 3",
                     [&] { part_within(rows, rows, 3, 1); });
}

TEST(InceptionScore, IsThatOfNumPy) {
  std::vector<float> probabilities;
  for (std::int64_t i = 0; i < 300; ++i) {
    double sum = 0.0;
    for (const float x : kRowsX[i]) sum += std::exp(2.0 * x);
    for (const float x : kRowsX[i])
      probabilities.push_back(static_cast<float>(std::exp(2.0 * x) / sum));
  }
  const FeatureRows rows{.dimensions = 6, .values = probabilities};
  EXPECT_NEAR(inception_score(rows, std::vector<double>(300, 1.0)), kInceptionScore, 1e-6);
}

TEST(InceptionScore, OfSureAndEvenClassesIsTheirNumber) {
  const std::vector<float> sure{1, 0, 0, 0, 1, 0, 0, 0, 1};
  const FeatureRows rows{.dimensions = 3, .values = sure};
  EXPECT_NEAR(inception_score(rows, std::vector<double>{1, 1, 1}), 3.0, 1e-12);
  EXPECT_NEAR(inception_score(rows, std::vector<double>{1, 1, 0}), 2.0, 1e-12);
}

TEST(BootstrapWeights, AreACountOfDrawsThatDependsOnSeedSampleAndSet) {
  const std::vector<double> weights = bootstrap_weights(1000, 7, 0, 0);
  EXPECT_EQ(std::accumulate(weights.begin(), weights.end(), 0.0), 1000.0);
  const auto never = std::count(weights.begin(), weights.end(), 0.0);
  EXPECT_NEAR(static_cast<double>(never), 1000.0 / std::exp(1.0), 50.0);
  EXPECT_EQ(weights, bootstrap_weights(1000, 7, 0, 0));
  EXPECT_NE(weights, bootstrap_weights(1000, 8, 0, 0));
  EXPECT_NE(weights, bootstrap_weights(1000, 7, 1, 0));
  EXPECT_NE(weights, bootstrap_weights(1000, 7, 0, 1));
}

}  // namespace
}  // namespace ddim::engine::eval
