#include "eval/code_statistics.h"

#include <ddim/error.h>
#include <gtest/gtest.h>

#include <cmath>
#include <utility>
#include <vector>

#include "base/philox.h"

namespace ddim::engine::eval {
namespace {

std::vector<float> noise(std::size_t size) {
  std::vector<float> values(size);
  fill_normal({.seed = 11}, 0, values);
  return values;
}

CodeStatistics statistics_of(std::vector<float> values, std::int64_t height, std::int64_t width) {
  const PictureShape shape{.channels = 1, .height = height, .width = width};
  return code_statistics({.count = std::ssize(values) / shape.num_pixels(),
                          .shape = shape,
                          .values = std::move(values)});
}

void expect_typical(const CodeStatistic& statistic) {
  EXPECT_NEAR(statistic.value, statistic.expected, 3.0 * statistic.standard_error);
}

TEST(CodeStatistics, FindNothingStrangeInNoise) {
  const CodeStatistics found = statistics_of(noise(40 * 16 * 16), 16, 16);
  expect_typical(found.mean);
  expect_typical(found.variance);
  expect_typical(found.kurtosis);
  expect_typical(found.correlation);
  EXPECT_NEAR(found.mean.standard_error, 1.0 / std::sqrt(10240.0), 1e-12);
  EXPECT_NEAR(found.correlation.standard_error, 1.0 / std::sqrt(40.0 * 2 * 16 * 15), 1e-12);
}

// By hand: values 1 2 / 3 6 have mean 3, squares of 4 1 0 9, so a variance of 3.5 and a fourth
// moment of 24.5; the neighbours' products are 2 0 0 -3 in rows 1-2, 3-6 and columns 1-3, 2-6.
TEST(CodeStatistics, AreTheMomentsAndTheNeighboursProducts) {
  const CodeStatistics found = statistics_of({1, 2, 3, 6}, 2, 2);
  EXPECT_NEAR(found.mean.value, 3.0, 1e-12);
  EXPECT_NEAR(found.variance.value, 3.5, 1e-12);
  EXPECT_NEAR(found.kurtosis.value, 24.5 / (3.5 * 3.5), 1e-12);
  EXPECT_NEAR(found.correlation.value, (2.0 + 0.0 + 0.0 - 3.0) / 4.0 / 3.5, 1e-12);
}

TEST(CodeStatistics, FindWhatIsNotGaussian) {
  std::vector<float> uniform = noise(10240);
  for (float& value : uniform) value = std::erf(value / std::sqrt(2.0F)) * std::sqrt(3.0F);
  const CodeStatistics flat = statistics_of(uniform, 16, 16);
  EXPECT_NEAR(flat.kurtosis.value, 1.8, 0.05);
  expect_typical(flat.variance);

  std::vector<float> smooth = noise(10240);
  for (std::size_t i = 1; i < smooth.size(); ++i) smooth[i] = (smooth[i] + smooth[i - 1]) / 1.4F;
  const CodeStatistic correlation = statistics_of(smooth, 16, 16).correlation;
  EXPECT_GT(correlation.value, 20.0 * correlation.standard_error);
}

// The last pixel of an image is no neighbour of the first of the next.
TEST(CodeStatistics, KeepImagesApart) {
  const std::vector<float> single_pixels = {1, 2, 3, 4};
  const CodeStatistics found = statistics_of(single_pixels, 1, 1);
  EXPECT_TRUE(std::isnan(found.correlation.value));
  EXPECT_TRUE(std::isnan(found.correlation.standard_error));
  EXPECT_GT(found.kurtosis.value, 1.0);
}

TEST(CodeStatistics, SayWhatCanBeSaidOfNumbersAllAlike) {
  for (const float value : {0.0F, 0.1F, -1e30F}) {
    const CodeStatistics found = statistics_of(std::vector<float>(8, value), 2, 2);
    EXPECT_EQ(found.mean.value, value);
    EXPECT_EQ(found.variance.value, 0.0);
    EXPECT_TRUE(std::isnan(found.kurtosis.value));
    EXPECT_TRUE(std::isnan(found.correlation.value));
    EXPECT_NEAR(found.correlation.standard_error, 1.0 / std::sqrt(8.0), 1e-12);
  }
}

TEST(CodeStatistics, RefuseWhatHasNone) {
  EXPECT_THROW(statistics_of({}, 2, 2), Error);
  EXPECT_THROW(statistics_of(std::vector<float>(5), 2, 2), Error);
}

}  // namespace
}  // namespace ddim::engine::eval
