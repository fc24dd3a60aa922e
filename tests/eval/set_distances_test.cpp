#include "eval/set_distances.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

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

TEST(NearestRows, BeginWithTheNearest) {
  const std::vector<float> rows{0, 0, 3, 4, 1, 0, 0, 1, -9, 0};  // of two numbers each
  const FeatureRows set{.dimensions = 2, .values = rows};
  EXPECT_EQ(nearest_rows(std::vector<float>{0, 0.25F}, set, 4),
            (std::vector<std::int64_t>{0, 3, 2, 1}));
  EXPECT_EQ(nearest_rows(std::vector<float>{0.5F, 0.5F}, set, 3),  // equally near
            (std::vector<std::int64_t>{0, 2, 3}));
  test::expect_error(ErrorCode::user, "at least 6 pictures; got 5", [&] {
    nearest_rows(std::vector<float>{0, 0}, set, 6);
  });
}

TEST(InceptionScore, IsThatOfNumPy) {
  std::vector<float> probabilities;
  for (std::int64_t i = 0; i < 300; ++i) {
    double sum = 0.0;
    for (const float x : kRowsX[i]) sum += std::exp(2.0 * x);
    for (const float x : kRowsX[i])
      probabilities.push_back(static_cast<float>(std::exp(2.0 * x) / sum));
  }
  EXPECT_NEAR(inception_score({.dimensions = 6, .values = probabilities}).mean, kInceptionScore,
              1e-6);
}

TEST(InceptionScore, OfSureAndEvenClassesIsTheirNumber) {
  const std::vector<float> sure{1, 0, 0, 0, 1, 0, 0, 0, 1};
  EXPECT_NEAR(inception_score({.dimensions = 3, .values = sure}).mean, 3.0, 1e-12);
  EXPECT_NEAR(inception_score({.dimensions = 3, .values = std::span(sure).first(6)}).mean, 2.0,
              1e-12);
}

TEST(InceptionScore, HasAnIntervalThatOtherPicturesConfirm) {
  constexpr std::uint32_t kRuns = 100;
  std::vector<double> scores;
  double half_width = 0.0;
  for (std::uint32_t run = 0; run < kRuns; ++run) {
    std::vector<float> p(300 * 3);
    fill_normal({.seed = 7}, run, p);
    for (std::size_t i = 0; i < p.size(); i += 3) {
      float sum = 0.0F;
      for (std::size_t c = 0; c < 3; ++c) sum += p[i + c] = std::exp(2.0F * p[i + c]);
      for (std::size_t c = 0; c < 3; ++c) p[i + c] /= sum;
    }
    const Interval found = inception_score({.dimensions = 3, .values = p});
    scores.push_back(found.mean);
    half_width += found.half_width_95 / kRuns;
  }
  const double expected =
      mean_interval(scores).half_width_95 * std::sqrt(static_cast<double>(kRuns));
  EXPECT_NEAR(half_width, expected, 0.2 * expected);
}

}  // namespace
}  // namespace ddim::engine::eval
