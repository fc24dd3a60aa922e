#include <ddim/ddim.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "tests/api/small_models.h"
#include "tests/support/expect_error.h"

namespace ddim::api_test {
namespace {

using test::expect_error;

class Interpolation : public MicroModel {
 protected:
  static std::vector<float> state(const FloatImages& states, std::int64_t index) {
    const std::int64_t size = static_cast<std::int64_t>(states.shape.size());
    return {states.values.begin() + index * size, states.values.begin() + (index + 1) * size};
  }
  FloatImages noise(std::int64_t count) const { return draw_noise(model_, 5, count); }
};

TEST_F(Interpolation, NoiseOfASeedIsWhatSamplingStartsFrom) {
  const SampleOptions options{.plan = {.steps = 2}, .count = 2, .seed = 9, .first_image = 3};
  SampleOptions given{.plan = {.steps = 2}, .count = 2};
  given.x_T = draw_noise(model_, 9, 2, 3);
  EXPECT_EQ(sample(model_, given).x_0.values, sample(model_, options).x_0.values);
}

TEST_F(Interpolation, ALineRunsFromEndToEnd) {
  const FloatImages ends = noise(2);
  const FloatImages line = interpolate(ends, 5);
  EXPECT_EQ(line.count, 5);
  EXPECT_EQ(state(line, 0), state(ends, 0));
  EXPECT_EQ(state(line, 4), state(ends, 1));
  EXPECT_NE(state(line, 2), state(line, 1));
}

TEST_F(Interpolation, AGridHasItsEndsInItsCorners) {
  const FloatImages ends = noise(4);
  const FloatImages grid = interpolate(ends, 3);
  EXPECT_EQ(grid.count, 9);
  EXPECT_EQ(state(grid, 0), state(ends, 0));
  EXPECT_EQ(state(grid, 2), state(ends, 1));
  EXPECT_EQ(state(grid, 6), state(ends, 2));
  EXPECT_EQ(state(grid, 8), state(ends, 3));
  // Its first row is the line between its first two ends.
  FloatImages first_two = noise(2);
  EXPECT_EQ(state(grid, 1), state(interpolate(first_two, 3), 1));
}

TEST_F(Interpolation, RefusesWhatHasNothingBetweenIt) {
  expect_error(ErrorCode::user, "two endpoints (a line) or four (a grid); got 3",
               [&] { interpolate(noise(3), 5); });
  expect_error(ErrorCode::user, "at least 2 frames (the endpoints); got 1",
               [&] { interpolate(noise(2), 1); });
  FloatImages zero = noise(2);
  std::fill(zero.values.begin(), zero.values.begin() + 192, 0.0F);
  expect_error(ErrorCode::user, "zero", [&] { interpolate(zero, 5); });
  FloatImages small = noise(1);
  small.shape.channels = 1;
  small.values.resize(64);
  expect_error(ErrorCode::user, "got 8x8x3 and 8x8x1", [&] { join(noise(1), small); });
  expect_error(ErrorCode::user, "numbers of images are 0 to 4294967295",
               [&] { draw_noise(model_, 1, 2, 4294967295); });
}

TEST_F(Interpolation, FramesMakeAFilm) {
  const FloatImages line = interpolate(noise(2), 3);
  const std::vector<Image> frames = {to_image(line, 0), to_image(line, 1), to_image(line, 2)};
  if (!can_write_animations()) {
    expect_error(ErrorCode::user, "libwebp", [&] { write_animation(folder_ / "a.webp", frames); });
    GTEST_SKIP() << "this build has no libwebp";
  }
  write_animation(folder_ / "a.webp", frames);
  EXPECT_GT(std::filesystem::file_size(folder_ / "a.webp"), 100U);
  expect_error(ErrorCode::user, "exists", [&] { write_animation(folder_ / "a.webp", frames); });
  expect_error(ErrorCode::user, "no pictures", [&] { write_animation(folder_ / "b.webp", {}); });
}

TEST_F(Interpolation, ConsistencyMeasuresTheDistanceToTheReference) {
  const ConsistencyOptions options{
      .steps = {2, 4}, .reference_steps = 4, .sample = {.count = 3, .seed = 2}};
  const auto rows = consistency(model_, options);
  ASSERT_EQ(rows.size(), 3U);
  EXPECT_GT(rows[0].distance, 0.0);
  EXPECT_GT(rows[0].half_width_95, 0.0);
  EXPECT_EQ(rows[1].distance, 0.0);
  EXPECT_EQ(rows[2].x_0.values,
            sample(model_, {.plan = {.steps = 4}, .count = 3, .seed = 2}).x_0.values);
  const auto differences = mean_squared_differences(rows[0].x_0, rows[2].x_0);
  EXPECT_NEAR(
      rows[0].distance,
      (std::sqrt(differences[0]) + std::sqrt(differences[1]) + std::sqrt(differences[2])) / 3,
      1e-9 * rows[0].distance);
  expect_error(ErrorCode::user, "2000", [&] { consistency(model_, {.steps = {2, 2000}}); });
}

}  // namespace
}  // namespace ddim::api_test
