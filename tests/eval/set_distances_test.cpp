#include "eval/set_distances.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <cmath>
#include <numeric>
#include <span>
#include <utility>

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

std::vector<float> normal_features(std::uint64_t seed, std::uint32_t set, std::int64_t count,
                                   float shift) {
  std::vector<float> values(static_cast<std::size_t>(count) * 4);
  fill_normal({.seed = seed}, set, values);
  for (float& value : values) value += shift;
  return values;
}

/// Between what the intervals say and how far results for other pictures of the same kind are from
/// each other: 1 where they agree.
template <class Measure>
double interval_of_many(int runs, const Measure& measure) {
  std::vector<double> means;
  double half_width = 0.0;
  for (int run = 0; run < runs; ++run) {
    const Interval found = measure(static_cast<std::uint32_t>(run));
    means.push_back(found.mean);
    half_width += found.half_width_95 / runs;
  }
  return half_width / (mean_interval(means).half_width_95 * std::sqrt(runs));
}

// Sets of one size, and of two: the second's pictures vary more, so which is larger matters.
TEST(KernelDistance, HasAnIntervalThatOtherPicturesConfirm) {
  for (const auto& [first, second] :
       {std::pair{200, 200}, std::pair{150, 900}, std::pair{900, 150}}) {
    const double found = interval_of_many(60, [&, first = first, second = second](auto run) {
      const std::vector<float> x = normal_features(5, 2 * run, first, 0.0F);
      const std::vector<float> y = normal_features(5, 2 * run + 1, second, 0.7F);
      return kernel_distance({.dimensions = 4, .values = x}, {.dimensions = 4, .values = y},
                             {.subset_size = 75, .num_subsets = 40});
    });
    EXPECT_GT(found, 0.75) << first << ' ' << second;
    EXPECT_LT(found, 1.4) << first << ' ' << second;
  }
}

TEST(KernelDistance, DependsOnItsSeedOnly) {
  const Subsets subsets{.subset_size = 100, .num_subsets = 5, .seed = 1};
  const double found = kernel_distance(kRowsX, kRowsY, subsets).mean;
  std::int64_t ticks = 0;
  EXPECT_EQ(found, kernel_distance(kRowsX, kRowsY, subsets, [&] { ++ticks; }).mean);
  EXPECT_EQ(ticks, subsets.num_subsets);
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
}

// Of few points and a large set the points' part counts, of a small set the set's.
TEST(PartWithin, HasAnIntervalThatOtherPicturesConfirm) {
  for (const auto& [num_points, num_rows] :
       {std::pair{300, 300}, std::pair{100, 900}, std::pair{900, 100}}) {
    const double found = interval_of_many(40, [&, n = num_points, rows = num_rows](auto run) {
      const std::vector<float> points = normal_features(6, 2 * run, n, 0.7F);
      const std::vector<float> set = normal_features(6, 2 * run + 1, rows, 0.0F);
      return part_within({.dimensions = 4, .values = points}, {.dimensions = 4, .values = set}, 3,
                         2);
    });
    EXPECT_GT(found, 0.75) << num_points << ' ' << num_rows;
    EXPECT_LT(found, 1.5) << num_points << ' ' << num_rows;
  }
}

// By hand: Wilson's interval of 1 goes down to n / (n + 1.96^2), that of 0 up to 1.96^2 / (n +
// 1.96^2).
TEST(PartWithin, HasAnIntervalWhereAllOrNoneAreWithin) {
  const std::vector<float> near = normal_features(7, 0, 200, 0.0F);
  const std::vector<float> far = normal_features(7, 1, 50, 100.0F);
  const FeatureRows set{.dimensions = 4, .values = near};
  constexpr double kSquare = 1.959963984540054 * 1.959963984540054;
  const std::vector<float> middle(200 * 4);
  const Interval all = part_within({.dimensions = 4, .values = middle}, set, 3, 1);
  EXPECT_EQ(all.mean, 1.0);
  EXPECT_NEAR(all.half_width_95, kSquare / (200.0 + kSquare), 1e-9);
  const Interval none = part_within({.dimensions = 4, .values = far}, set, 3, 1);
  EXPECT_EQ(none.mean, 0.0);
  EXPECT_NEAR(none.half_width_95, kSquare / (50.0 + kSquare), 1e-12);
}

// By hand: without 20, all three points are outside; without another row, none is. The set's
// variance is 4/5 (4 * 0.6^2 + 2.4^2 - 3 * 0.8) / 3^2, and Student's t that of 4 degrees.
TEST(PartWithin, HasAnIntervalOfAsManyDegreesAsBlocks) {
  const std::vector<float> rows{0, 1, 10, 11, 20}, points{15, 16, 17};
  const Interval found =
      part_within({.dimensions = 1, .values = points}, {.dimensions = 1, .values = rows}, 1, 1);
  EXPECT_EQ(found.mean, 1.0);
  constexpr double kSquare = 1.959963984540054 * 1.959963984540054;
  EXPECT_NEAR(found.half_width_95,
              std::hypot(kSquare / (3.0 + kSquare), 2.7764451052 * std::sqrt(0.8 * 4.8 / 9.0)),
              1e-6);
}

// Each of the 32 sets without a block made for itself: balls grow where a neighbour was left out.
TEST(PartWithin, HasTheIntervalOfAJackknifeByHand) {
  constexpr std::int64_t kBlocks = 32, kRows = 80, kPoints = 60;
  const std::vector<float> rows = normal_features(8, 0, kRows, 0.0F);
  const std::vector<float> points = normal_features(8, 1, kPoints, 0.7F);
  std::vector<double> of_block(kBlocks, 0.0);  // points within the set without it
  double squares = 0.0;
  std::vector<std::vector<float>> without(kBlocks);
  for (std::int64_t block = 0; block < kBlocks; ++block) {
    for (std::int64_t j = 0; j < kRows; ++j)
      if (j % kBlocks != block)
        without[block].insert(without[block].end(), &rows[4 * j], &rows[4 * j] + 4);
  }
  for (std::int64_t i = 0; i < kPoints; ++i) {
    const FeatureRows point{.dimensions = 4, .values = std::span(points).subspan(4 * i, 4)};
    double times = 0.0;
    for (std::int64_t block = 0; block < kBlocks; ++block) {
      const double within =
          part_within(point, {.dimensions = 4, .values = without[block]}, 3, 1).mean;
      of_block[block] += within;
      times += within;
    }
    squares += times * (1.0 - times / kBlocks);
  }
  const double mean = std::accumulate(of_block.begin(), of_block.end(), 0.0) / kBlocks;
  double sum = -squares;
  for (const double count : of_block) sum += (count - mean) * (count - mean);
  const double of_set =
      student_t_975(kBlocks - 1) * std::sqrt(sum * (kBlocks - 1.0) / kBlocks) / kPoints;

  const Interval found =
      part_within({.dimensions = 4, .values = points}, {.dimensions = 4, .values = rows}, 3, 2);
  const double share = found.mean, z2 = 1.959963984540054 * 1.959963984540054 / kPoints;
  const double middle = (share + z2 / 2.0) / (1.0 + z2);
  const double half = std::sqrt(z2 * (share * (1.0 - share) + z2 / 4.0)) / (1.0 + z2);
  EXPECT_GT(of_set, 0.3 * half);
  EXPECT_NEAR(found.half_width_95, std::hypot(half + std::abs(middle - share), of_set), 1e-9);
}

TEST(PartWithin, TicksAsOftenAsItSays) {
  std::atomic<std::int64_t> ticks = 0;
  part_within(kRowsY, kRowsX, 3, 2, [&] { ++ticks; });
  EXPECT_EQ(ticks, num_ticks_of_part(200, 300));
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
