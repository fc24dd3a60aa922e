// A custom denoiser goes wherever a network goes: here the exact one of pixels that are normal.
#include <ddim/ddim.h>
#include <gtest/gtest.h>

#include <algorithm>
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

TEST_F(CustomDenoiser, OfAListOfBetasHasAsManySteps) {
  Denoiser denoiser = normal_pixels();
  denoiser.process = {.schedule = BetaKind::list, .betas = {0.1, 0.2, 0.3}};
  EXPECT_EQ(Model::from(denoiser).info().process.T, 3);
}

TEST_F(CustomDenoiser, IsDrawnAlongPlansOfItsOwn) {
  const auto refused = [this](const std::string& message, const ForwardProcess& process) {
    const Plan plan = make_plan(process, {.steps = 4});
    expect_error(ErrorCode::user, message, [&] { sample(model_, plan, {}); });
    expect_error(ErrorCode::user, message, [&] { check_sample(model_, plan, {}); });
  };
  refused("predicts v, and this one predicts eps", {.prediction = Prediction::v});
  refused("visits t = 1999, and this model has steps up to 999", {.beta_end = 0.01, .T = 2000});
  refused("its alpha_bar at t = 499 is ", {.T = 500});
  refused("its alpha_bar at t = 999 is ", {.schedule = BetaKind::cosine});
  for (const Named<Sampler>& sampler : Names<Sampler>::all()) {
    if (sampler.value == Sampler::ddpm_learned) continue;
    const Plan plan = make_plan(normal_pixels().process, {.steps = 4, .sampler = sampler.value});
    EXPECT_NO_THROW(check_sample(model_, plan, {})) << sampler.name;
  }
}

TEST_F(CustomDenoiser, NumbersThatOverflowAreAnError) {
  Denoiser hot = normal_pixels();
  hot.predict = [](const Denoiser::Call&, std::span<float> output) {
    std::ranges::fill(output, 3e38F);
  };
  const Model of_eps = Model::from(hot);
  const FloatImages picture = draw_noise(of_eps, 1);
  expect_error(
      ErrorCode::numeric, "cannot be undone: all numbers that were tried for it overflow",
      [&] { encode(of_eps, picture, {.plan = {.steps = 3}, .method = EncodeMethod::exact}); });
  hot.process.prediction = Prediction::v;
  FloatImages x_T = picture;
  std::ranges::fill(x_T.values, 3e38F);
  expect_error(ErrorCode::numeric, "sample: the picture overflows between t = ", [&] {
    sample(Model::from(hot),
           {.plan = {.sampler = Sampler::adaptive, .tolerance = 1e37}, .x_T = x_T});
  });
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
