#include "eval/eps_error.h"

#include <ddim/error.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <stop_token>
#include <utility>

#include "backend/make_device.h"
#include "base/error.h"
#include "nn/initialisation.h"
#include "tensor/kernels.h"
#include "tests/support/expect_error.h"

namespace ddim::engine::eval {
namespace {

constexpr std::int64_t kHeight = 8;
constexpr std::int64_t kWidth = 12;
constexpr std::int64_t kChannels = 2;
constexpr std::size_t kImageSize = kHeight * kWidth * kChannels;

class EpsErrorTest : public testing::Test {
 protected:
  EpsErrorTest()
      : unet(device, config()),
        model{.network = run::make_network(unet), .schedule = diffusion::Schedule::linear()},
        evaluated{.images = {.count = 7, .shape = unet.config().picture_shape()},
                  .inner_height = kHeight,
                  .inner_width = kWidth},
        images(evaluated.images.values) {
    initialise(unet, Initialisation::pytorch, 1);
    images.resize(7 * kImageSize);
    fill_uniform({.seed = 3}, 0, images);
    for (float& value : images) value = 2.0F * value - 1.0F;
  }
  static UNetConfig config() {
    return {.sample_size = kHeight,
            .sample_width = kWidth,
            .in_channels = kChannels,
            .out_channels = kChannels,
            .layers_per_block = 1,
            .block_out_channels = {8, 8},
            .norm_num_groups = 4};
  }
  static std::vector<float> noise_of(std::uint64_t seed, std::int64_t t, std::size_t image) {
    std::vector<float> eps(kImageSize);
    fill_normal(
        {.seed = seed, .purpose = Purpose::evaluation, .step = static_cast<std::uint32_t>(t)},
        static_cast<std::uint32_t>(image), eps);
    return eps;
  }
  /// Makes the network answer `value` everywhere.
  void make_constant(double value) {
    for (Parameter* parameter : unet.mutable_parameters()) {
      const bool is_last = parameter->name == "conv_out.bias";
      device.kernels().fill(is_last ? value : 0.0, parameter->value);
      parameter->value.mark_modified();
    }
  }
  void expect_eps_error_throws(ErrorCode code, const std::string& part,
                               const EpsErrorOptions& options) const {
    test::expect_error(code, part, [&] { eps_error(model, evaluated, options); });
  }

  const Device device = make_device(DeviceKind::reference);
  UNet unet;
  run::TrainedNetwork model;
  EvaluationImages evaluated;
  std::vector<float>& images;  // [N,H,W,C]
};

// A network that always answers 0.25: the error is known from the noise alone.
TEST_F(EpsErrorTest, MeanAndIntervalOverTheInnerPixels) {
  make_constant(0.25);
  const std::pair<std::int64_t, std::int64_t> parts[] = {{8, 12}, {8, 8}, {4, 12},
                                                         {4, 6},  {2, 2}, {7, 11}};
  for (const auto& [inner_height, inner_width] : parts) {
    evaluated.inner_height = inner_height;
    evaluated.inner_width = inner_width;
    const EpsErrors errors_at =
        eps_error(model, evaluated, {.t = {100, 10}, .seed = 5, .run = {.batch = 3, .threads = 1}});
    EXPECT_EQ(errors_at.images, 7);
    EXPECT_EQ(errors_at.inner_height, inner_height);
    EXPECT_EQ(errors_at.inner_width, inner_width);
    const std::vector<EpsErrorAt>& found = errors_at.at;
    ASSERT_EQ(found.size(), 2U);
    for (const EpsErrorAt& at_t : found) {
      std::vector<double> errors;
      for (std::size_t image = 0; image < 7; ++image) {
        const auto eps = noise_of(5, at_t.t, image);
        double sum = 0.0;
        std::int64_t num_elements = 0;
        for (std::size_t i = 0; i < eps.size(); ++i) {
          const auto pixel = static_cast<std::int64_t>(i) / kChannels;
          const std::int64_t row = pixel / kWidth, column = pixel % kWidth;
          const std::int64_t top = (kHeight - inner_height) / 2, left = (kWidth - inner_width) / 2;
          if (row < top || row >= top + inner_height) continue;
          if (column < left || column >= left + inner_width) continue;
          sum += (0.25 - eps[i]) * (0.25 - eps[i]);
          ++num_elements;
        }
        EXPECT_EQ(num_elements, inner_height * inner_width * kChannels);
        errors.push_back(sum / static_cast<double>(num_elements));
      }
      double mean = 0.0, squares = 0.0;
      for (const double error : errors) mean += error / 7.0;
      for (const double error : errors) squares += (error - mean) * (error - mean);
      EXPECT_NEAR(at_t.mean_squared_error, mean, 1e-12);
      // Student's t of 6 degrees of freedom
      EXPECT_NEAR(at_t.half_width_95, 2.446911851144979 * std::sqrt(squares / 6.0 / 7.0), 1e-10);
    }
    EXPECT_EQ(found[0].t, 100);
    EXPECT_EQ(found[1].t, 10);
    EXPECT_NE(found[0].mean_squared_error, found[1].mean_squared_error);
  }
}

// The same network, taken for one that predicts x_0 or v: what eps follows from its 0.25.
TEST_F(EpsErrorTest, OtherPredictionsAreTurnedIntoEps) {
  make_constant(0.25);
  const std::int64_t t = 300;
  const double a = model.schedule.alpha_bar(t);
  for (const Prediction prediction : {Prediction::x0, Prediction::v}) {
    model.prediction = prediction;
    const auto found = eps_error(model, evaluated, {.t = {t}, .seed = 5}).at;
    double sum = 0.0;
    for (std::size_t image = 0; image < 7; ++image) {
      const auto eps = noise_of(5, t, image);
      for (std::size_t i = 0; i < kImageSize; ++i) {
        const double x_0 = images[image * kImageSize + i];
        const double x_t = std::sqrt(a) * x_0 + std::sqrt(1.0 - a) * eps[i];
        const double eps_pred = prediction == Prediction::x0
                                    ? (x_t - std::sqrt(a) * 0.25) / std::sqrt(1.0 - a)
                                    : std::sqrt(a) * 0.25 + std::sqrt(1.0 - a) * x_t;
        sum += (eps_pred - eps[i]) * (eps_pred - eps[i]);
      }
    }
    EXPECT_NEAR(found[0].mean_squared_error, sum / static_cast<double>(images.size()), 1e-6);
  }
}

TEST_F(EpsErrorTest, ShowsTheNetworkTheNoisyImageAndItsStep) {
  const std::int64_t t = 300;
  const auto found = eps_error(model, evaluated, {.t = {t}, .seed = 5}).at;
  double sum = 0.0;
  for (std::size_t image = 0; image < 7; ++image) {
    const auto eps = noise_of(5, t, image);
    std::vector<float> x_t(kImageSize);
    for (std::size_t i = 0; i < kImageSize; ++i)
      x_t[i] = static_cast<float>(std::sqrt(model.schedule.alpha_bar(t)) *
                                      images[image * kImageSize + i] +
                                  std::sqrt(1.0 - model.schedule.alpha_bar(t)) * eps[i]);
    const double times[] = {static_cast<double>(t)};
    Tape tape;
    const auto eps_pred =
        to_host(unet(tape, from_host(device, {1, kHeight, kWidth, kChannels}, x_t), times).value());
    for (std::size_t i = 0; i < kImageSize; ++i)
      sum += std::pow(static_cast<double>(eps_pred[i]) - eps[i], 2);
  }
  EXPECT_NEAR(found[0].mean_squared_error, sum / static_cast<double>(images.size()), 1e-12);
}

TEST_F(EpsErrorTest, SameBitsForEveryBatchAndNumberOfThreads) {
  const auto expected = eps_error(model, evaluated, {}).at;
  ASSERT_EQ(expected.size(), 4U);
  for (const std::int64_t batch : {1, 3}) {
    for (const int num_threads : {1, 2, 4}) {
      const auto found =
          eps_error(model, evaluated, {.run = {.batch = batch, .threads = num_threads}}).at;
      ASSERT_EQ(found.size(), expected.size());
      for (std::size_t i = 0; i < expected.size(); ++i) {
        EXPECT_EQ(found[i].mean_squared_error, expected[i].mean_squared_error);
        EXPECT_EQ(found[i].half_width_95, expected[i].half_width_95);
      }
    }
  }
}

TEST_F(EpsErrorTest, NamesTheLayerOfANan) {
  make_constant(std::numeric_limits<double>::quiet_NaN());
  expect_eps_error_throws(ErrorCode::numeric, "layer conv_out at t = 10", {});
}

TEST_F(EpsErrorTest, ProgressCountsAndCanStop) {
  std::int64_t last = 0;
  const auto count = [&](const RunProgress& progress) {
    EXPECT_GT(progress.evaluations_done, last);
    EXPECT_EQ(progress.evaluations, 28);
    last = progress.evaluations_done;
  };
  eps_error(model, evaluated, {.run = {.batch = 2, .threads = 2, .progress = count}});
  EXPECT_EQ(last, 28);
  std::stop_source source;
  source.request_stop();
  expect_eps_error_throws(ErrorCode::interrupted, "stopped", {.run = {.stop = source.get_token()}});
}

TEST_F(EpsErrorTest, RefusesWhatDoesNotFit) {
  const auto refused = [&](const std::string& part, const EpsErrorOptions& options) {
    expect_eps_error_throws(ErrorCode::user, part, options);
  };
  refused("no t given", {.t = {}});
  refused("t must be from 0 to 999; got 1000", {.t = {10, 1000}});
  const auto refused_part = [&](std::int64_t height, std::int64_t width) {
    evaluated.inner_height = height;
    evaluated.inner_width = width;
    refused(concat("an inner part of ", width, "x", height, " does not lie in the middle of 12x8"),
            {});
  };
  refused_part(10, 12);
  refused_part(0, 12);
  refused_part(8, 14);
  refused_part(8, 0);
  evaluated.inner_height = kHeight;
  evaluated.inner_width = kWidth;
  refused("batch must be 1 or greater; got 0", {.run = {.batch = 0}});
  images[9] = 1.5F;
  refused("[-1, 1]", {});
  images[9] = std::numeric_limits<float>::quiet_NaN();
  refused("holds NaN or infinity", {});
  images[9] = 0.0F;
  images.pop_back();
  refused("1343 numbers; expected 1344 for 7 pictures of 12x8x2", {});
  images.resize(kImageSize);
  evaluated.images.count = 1;
  refused("at least 2 images; got 1", {});
  images.resize(2 * kImageSize);
  evaluated.images.count = 2;
  evaluated.images.shape = {.channels = kChannels, .height = kWidth, .width = kHeight};
  refused("2 pictures of 8x12x2; expected 2 of 12x8x2", {});
}

}  // namespace
}  // namespace ddim::engine::eval
