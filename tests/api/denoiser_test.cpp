// A custom denoiser goes wherever a network goes: here the exact one of pixels that are normal.
#include <ddim/ddim.h>
#include <gtest/gtest.h>

#include <cmath>

#include "tests/api/small_models.h"
#include "tests/support/expect_error.h"

namespace ddim::api_test {
namespace {

using test::expect_error;

constexpr double kMean = 0.25, kDeviation = 0.5;

/// x_t = sqrt(alpha_bar) x_0 + sqrt(1 - alpha_bar) eps with x_0 normal: eps of x_t is on average
/// sqrt(1 - alpha_bar) (x_t - sqrt(alpha_bar) mean) / variance of x_t.
Denoiser normal_pixels() {
  Denoiser denoiser{.name = "normal", .shape = {.channels = 2, .height = 3, .width = 5}};
  const Plan plan = make_plan(denoiser.process, {.steps = 1000});
  denoiser.predict = [steps = plan.steps](const Denoiser::Call& call, std::span<float> output) {
    const double alpha_bar = steps[999 - static_cast<std::size_t>(call.t)].alpha_bar;
    const double variance = alpha_bar * kDeviation * kDeviation + 1.0 - alpha_bar;
    for (std::size_t i = 0; i < output.size(); ++i)
      output[i] = static_cast<float>(std::sqrt(1.0 - alpha_bar) *
                                     (call.x_t[i] - std::sqrt(alpha_bar) * kMean) / variance);
  };
  return denoiser;
}

class CustomDenoiser : public testing::Test {
 protected:
  const Model model_ = Model::from(normal_pixels());
};

TEST_F(CustomDenoiser, DescribesItself) {
  EXPECT_EQ(model_.info().name, "normal");
  EXPECT_EQ(model_.info().shape, normal_pixels().shape);
  EXPECT_EQ(model_.info().process, ForwardProcess{});
  EXPECT_EQ(model_.info().num_parameters, 0);
  EXPECT_EQ(model_.weights_hash(), "custom");
}

TEST_F(CustomDenoiser, IsSampled) {
  const Samples samples = sample(model_, {.plan = {.steps = 100}, .count = 200});
  ASSERT_EQ(samples.x_0.values.size(), 200U * 30);
  double mean = 0.0, squares = 0.0;
  for (const float x : samples.x_0.values) {
    mean += x / 6000.0;
    squares += (x - kMean) * (x - kMean) / 6000.0;
  }
  EXPECT_NEAR(mean, kMean, 4 * kDeviation / std::sqrt(6000.0));
  EXPECT_NEAR(std::sqrt(squares), kDeviation, 0.03);
  EXPECT_EQ(samples.recipe.at("size"), "5x3x2");
}

TEST_F(CustomDenoiser, EncodesAndDecodes) {
  const FloatImages pictures = sample(model_, {.plan = {.steps = 20}, .count = 2}).x_0;
  const Codes codes =
      encode(model_, pictures, {.plan = {.steps = 20}, .method = EncodeMethod::exact});
  EXPECT_EQ(codes.x_T.shape, pictures.shape);
  EXPECT_LT(largest_difference(decode(model_, codes).x_0, pictures), 1e-4);
  // Not the noise itself: codes begin at t = 0, where sampling ends one step later.
  EXPECT_LT(largest_difference(codes.x_T, draw_noise(model_, 0, 2)), 0.05);
}

TEST_F(CustomDenoiser, IsInterpolatedAndMeasured) {
  const FloatImages line = interpolate(draw_noise(model_, 3, 2), 4);
  EXPECT_EQ(line.shape, model_.info().shape);
  EXPECT_EQ(sample(model_, {.plan = {.steps = 5}, .count = 4, .x_T = line}).x_0.count, 4);
  const auto rows = consistency(model_, {.steps = {10, 100}, .reference_steps = 500});
  ASSERT_EQ(rows.size(), 3U);
  EXPECT_GT(rows[0].distance, rows[1].distance);
  EXPECT_GT(rows[1].distance, 0.0);
  EXPECT_EQ(rows[2].distance, 0.0);
}

TEST_F(CustomDenoiser, SaysWhatIsWrong) {
  Denoiser none = normal_pixels();
  none.predict = nullptr;
  expect_error(ErrorCode::user, "predict", [&] { Model::from(none); });
  Denoiser empty = normal_pixels();
  empty.shape.width = 0;
  expect_error(ErrorCode::user, "0x3x2", [&] { Model::from(empty); });
  Denoiser broken = normal_pixels();
  broken.predict = [](const Denoiser::Call&, std::span<float> output) {
    std::ranges::fill(output, std::nanf(""));
  };
  expect_error(ErrorCode::numeric, "NaN",
               [&] { sample(Model::from(broken), {.plan = {.steps = 2}}); });
  Denoiser throws = normal_pixels();
  throws.predict = [](const Denoiser::Call& call, std::span<float>) {
    if (call.t < 500) throw std::domain_error("enough");
  };
  EXPECT_THROW(sample(Model::from(throws), {.plan = {.steps = 4}}), std::domain_error);
}

}  // namespace
}  // namespace ddim::api_test
