#include "diffusion/slerp.h"

#include <cmath>
#include <numbers>

#include "base/philox.h"
#include "tests/support/expect_error.h"

namespace ddim::engine::diffusion {
namespace {

using test::expect_error;

std::vector<float> noise(std::uint32_t image) {
  std::vector<float> x(500);
  fill_normal({.seed = 3}, image, x);
  return x;
}

double norm(const std::vector<float>& x) {
  double sum = 0.0;
  for (const float value : x) sum += static_cast<double>(value) * value;
  return std::sqrt(sum);
}

TEST(Slerp, GoesAlongTheCircle) {
  const std::vector<float> x = {2.0F, 0.0F}, y = {0.0F, 2.0F};
  for (const double w : {0.25, 0.5, 0.9}) {
    const std::vector<float> z = slerp(x, y, w);
    EXPECT_NEAR(z[0], 2.0 * std::cos(w * std::numbers::pi / 2), 1e-6);
    EXPECT_NEAR(z[1], 2.0 * std::sin(w * std::numbers::pi / 2), 1e-6);
  }
}

TEST(Slerp, EndsAtItsEndsToTheBit) {
  EXPECT_EQ(slerp(noise(0), noise(1), 0.0), noise(0));
  EXPECT_EQ(slerp(noise(0), noise(1), 1.0), noise(1));
  const std::vector<float> x = {-0.0F, 1.0F}, y = {1.0F, -0.0F};
  EXPECT_TRUE(std::signbit(slerp(x, y, 0.0)[0]));
  EXPECT_TRUE(std::signbit(slerp(x, y, 1.0)[1]));
}

// What a straight line does not: halfway its points are shorter by sqrt(2), no typical noise.
TEST(Slerp, KeepsTheLengthOfNoise) {
  for (const double w : {0.1, 0.5, 0.7})
    EXPECT_NEAR(norm(slerp(noise(0), noise(1), w)) / norm(noise(0)), 1.0, 0.05);
}

TEST(Slerp, IsALineWhereTheStatesPointTheSameWay) {
  const std::vector<float> x = {1.0F, 2.0F}, y = {2.0F, 4.0F};
  EXPECT_EQ(slerp(x, y, 0.5), (std::vector<float>{1.5F, 3.0F}));
}

TEST(Slerp, RefusesStatesWithoutAWayBetweenThem) {
  const std::vector<float> x = {1.0F, 2.0F}, opposite = {-2.0F, -4.0F}, zero = {0.0F, 0.0F};
  expect_error(ErrorCode::user, "opposite", [&] { slerp(x, opposite, 0.5); });
  expect_error(ErrorCode::user, "all zero", [&] { slerp(x, zero, 0.5); });
  expect_error(ErrorCode::user, "500 numbers", [&] { slerp(x, noise(0), 0.5); });
}

TEST(Interpolation, RefusesMoreThanCanBe) {
  const std::vector<float> ends = {1.0F, 2.0F, 3.0F, 1.0F};
  for (const std::int64_t num_ends : {2, 4}) {
    EXPECT_EQ(num_states(num_ends, 10'000), num_ends == 2 ? 10'000 : 100'000'000);
    for (const std::int64_t frames : {std::int64_t{10'001}, std::int64_t{1} << 32})
      expect_error(ErrorCode::user, "at most 10000 frames; got ",
                   [&] { interpolate(ends, num_ends, frames); });
  }
}

TEST(Interpolation, StopsWhenAsked) {
  std::stop_source stop;
  stop.request_stop();
  expect_error(ErrorCode::interrupted, "interpolate: stopped", [&] {
    interpolate(std::vector<float>{1.0F, 2.0F}, 2, 5, stop.get_token());
  });
}

}  // namespace
}  // namespace ddim::engine::diffusion
