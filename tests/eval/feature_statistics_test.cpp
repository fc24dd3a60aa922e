#include "eval/feature_statistics.h"

#include <gtest/gtest.h>

#include <cmath>
#include <span>

#include "base/philox.h"
#include "eval/frechet_distance.h"
#include "tests/eval/features.h"
#include "tests/eval/quality_values.h"
#include "tests/support/expect_error.h"

namespace ddim::engine::eval {
namespace {

FeatureStatistics statistics_of(std::span<const float> features, std::int64_t dimensions) {
  FeatureMoments moments(dimensions);
  const auto row = static_cast<std::size_t>(dimensions);
  for (std::size_t i = 0; i < features.size(); i += row) moments.add(features.subspan(i, row));
  return moments.statistics();
}

/// A Gaussian whose dimensions are independent.
FeatureStatistics diagonal(std::vector<double> mean, const std::vector<double>& variances) {
  const std::size_t d = mean.size();
  FeatureStatistics result{.count = 100, .mean = std::move(mean)};
  result.covariance.assign(d * d, 0.0);
  for (std::size_t i = 0; i < d; ++i) result.covariance[i * d + i] = variances[i];
  return result;
}

// 300 pictures are more than one block.
TEST(FeatureMoments, AreThoseOfNumPy) {
  const FeatureStatistics found = statistics_of(some_features(300, 6, 0.0), 6);
  EXPECT_EQ(found.count, 300);
  EXPECT_NEAR(found.mean[0], kMean0, 1e-12);
  EXPECT_NEAR(found.covariance[1], kCovariance01, 1e-12);
  EXPECT_EQ(found.covariance[1], found.covariance[6]);
}

TEST(FeatureMoments, KeepASmallSpreadAroundALargeMean) {
  std::vector<float> features;
  for (int i = 0; i < 1000; ++i) features.push_back(16384.0F + (i % 2 == 0 ? 0.5F : -0.5F));
  const FeatureStatistics found = statistics_of(features, 1);
  EXPECT_EQ(found.mean[0], 16384.0);
  EXPECT_NEAR(found.covariance[0], 0.25 * 1000.0 / 999.0, 1e-12);
}

TEST(FeatureMoments, OfOnePictureAreRefused) {
  FeatureMoments moments(1);
  moments.add(std::vector<float>{1.0F});
  test::expect_error(ErrorCode::user, "at least 2 pictures; got 1", [&] { moments.statistics(); });
}

TEST(FrechetDistance, IsThatOfSciPy) {
  const FeatureStatistics x = statistics_of(some_features(300, 6, 0.0), 6);
  const FeatureStatistics y = statistics_of(some_features(200, 6, 0.8), 6);
  EXPECT_NEAR(frechet_distance(x, y), kFrechet, 1e-9);
  EXPECT_NEAR(frechet_distance(y, x), kFrechet, 1e-9);
}

// sum (mu_a - mu_b)^2 + (sqrt v_a - sqrt v_b)^2
TEST(FrechetDistance, OfIndependentDimensionsIsASum) {
  const FeatureStatistics a = diagonal({1.0, 0.0, 2.0}, {4.0, 1.0, 9.0});
  const FeatureStatistics b = diagonal({0.0, 0.0, 5.0}, {1.0, 16.0, 9.0});
  EXPECT_NEAR(frechet_distance(a, b), 1.0 + 9.0 + 1.0 + 9.0, 1e-10);
}

// S and 4 S commute: tr (S + 4 S - 2 * 2 S) = tr S.
TEST(FrechetDistance, OfCommutingCovariancesIsClosed) {
  const FeatureStatistics a = statistics_of(some_features(300, 6, 0.0), 6);
  FeatureStatistics b = a;
  double trace = 0.0;
  for (double& value : b.covariance) value *= 4.0;
  for (std::size_t i = 0; i < 6; ++i) trace += a.covariance[i * 6 + i];
  EXPECT_NEAR(frechet_distance(a, b), trace, 1e-9);
}

// Of rank 1 each, along two axes: the trace of the root is 0.
TEST(FrechetDistance, TakesSingularCovariances) {
  EXPECT_NEAR(frechet_distance(diagonal({0, 0}, {4, 0}), diagonal({0, 0}, {0, 9})), 13.0, 1e-10);
  EXPECT_NEAR(frechet_distance(diagonal({0, 0}, {4, 0}), diagonal({0, 0}, {9, 0})), 1.0, 1e-10);
  EXPECT_EQ(frechet_distance(diagonal({0, 1}, {0, 0}), diagonal({0, 0}, {0, 0})), 1.0);
}

TEST(FrechetDistance, OfASetWithItselfIsZero) {
  for (const std::int64_t count : {20, 64, 2000}) {  // of 64 dimensions
    const FeatureStatistics set = statistics_of(some_features(count, 64, 0.3), 64);
    EXPECT_NEAR(frechet_distance(set, set), 0.0, 1e-6) << count;
  }
}

/// Normal features, moved and stretched.
std::vector<float> normal_features(std::int64_t count, std::int64_t dimensions, std::uint32_t image,
                                   float shift, float scale) {
  std::vector<float> features(static_cast<std::size_t>(count * dimensions));
  fill_normal({.seed = 6}, image, features);
  for (float& value : features) value = shift + scale * value;
  return features;
}

// The interval says how far the distances of other pictures of the same kind are from each other.
TEST(FrechetInterval, IsThatWhichOtherPicturesConfirm) {
  constexpr std::uint32_t kRuns = 100;
  for (const bool is_shrunk : {false, true}) {
    std::vector<double> distances;
    double half_width = 0.0, of_first = 0.0;
    for (std::uint32_t run = 0; run < kRuns; ++run) {
      const std::vector<float> x = normal_features(400, 6, 2 * run, 0.3F, 1.0F);
      const std::vector<float> y = normal_features(300, 6, 2 * run + 1, 0.0F, 1.4F);
      FrechetSide a{.statistics = statistics_of(x, 6), .rows = {.dimensions = 6, .values = x}};
      FrechetSide b{.statistics = statistics_of(y, 6), .rows = {.dimensions = 6, .values = y}};
      if (is_shrunk)
        for (FrechetSide* side : {&a, &b}) side->shrinkage = shrink(side->statistics);
      const Interval found = frechet_interval(a, b);
      EXPECT_EQ(found.mean, frechet_distance(a.statistics, b.statistics));
      EXPECT_NEAR(frechet_interval(b, a).half_width_95, found.half_width_95, 1e-9);
      distances.push_back(found.mean);
      half_width += found.half_width_95 / kRuns;
      b.rows = {};
      of_first += frechet_interval(a, b).half_width_95 / kRuns;
    }
    const double expected =
        mean_interval(distances).half_width_95 * std::sqrt(static_cast<double>(kRuns));
    EXPECT_NEAR(half_width, expected, 0.2 * expected) << is_shrunk;
    EXPECT_LT(of_first, 0.9 * half_width);
    EXPECT_GT(of_first, 0.1 * half_width);
  }
}

TEST(FrechetInterval, OfAFarMeanIsThatOfTheMean) {
  const std::vector<float> x = normal_features(500, 1, 1, 10.0F, 1.0F);
  const FeatureStatistics of_x = statistics_of(x, 1);
  const FrechetSide a{.statistics = of_x, .rows = {.dimensions = 1, .values = x}};
  // d (mu - 0)^2 = 2 mu d mu, and equal spreads.
  const FrechetSide b{.statistics = diagonal({0.0}, {of_x.covariance[0]})};
  EXPECT_NEAR(frechet_interval(a, b).half_width_95,
              1.96 * 2.0 * of_x.mean[0] * std::sqrt(of_x.covariance[0] / 500.0), 1e-6);
}

TEST(Shrink, IsThatOfNumPy) {
  FeatureStatistics found = statistics_of(some_features(20, 12, 0.0), 12);
  EXPECT_NEAR(shrink(found), kShrinkage, 1e-12);
  EXPECT_NEAR(found.covariance[0], kShrunkCovariance00, 1e-12);
  EXPECT_NEAR(found.covariance[1], kShrunkCovariance01, 1e-12);
}

TEST(Shrink, BringsFewPicturesNearerToTheTruth) {
  const FeatureStatistics truth = diagonal(std::vector(40, 0.0), std::vector(40, 1.0));
  FeatureStatistics few = statistics_of(normal_features(30, 40, 0, 0.0F, 1.0F), 40);
  few.mean = truth.mean;
  const double before = frechet_distance(few, truth);
  EXPECT_GT(shrink(few), 0.5);
  EXPECT_LT(frechet_distance(few, truth), 0.1 * before);
}

TEST(Shrink, LeavesAMultipleOfTheUnitMatrixAndNeedsACount) {
  FeatureStatistics unit = diagonal({0, 0}, {3, 3});
  EXPECT_EQ(shrink(unit), 1.0);
  EXPECT_NEAR(frechet_distance(unit, diagonal({0, 0}, {3, 3})), 0.0, 1e-12);
  unit.count = 0;
  test::expect_error(ErrorCode::user, "do not say of how many pictures", [&] { shrink(unit); });
}

TEST(FrechetDistance, RefusesWhatCannotBeCompared) {
  test::expect_error(ErrorCode::user, "first set has 2 dimensions, the second 1", [] {
    frechet_distance(diagonal({0, 0}, {1, 1}), diagonal({0}, {1}));
  });
  const FeatureStatistics whole = diagonal({0}, {1});
  for (const double bad : {std::nan(""), HUGE_VAL}) {
    for (const FeatureStatistics& broken : {diagonal({bad}, {1}), diagonal({0}, {bad})}) {
      test::expect_error(ErrorCode::numeric, "NaN or infinity",
                         [&] { frechet_distance(whole, broken); });
      test::expect_error(ErrorCode::numeric, "NaN or infinity",
                         [&] { frechet_distance(broken, whole); });
    }
  }
}

}  // namespace
}  // namespace ddim::engine::eval
