// Networks that predict a variance, too: twice as many output channels.
#include <gtest/gtest.h>

#include <cmath>

#include "backend/make_device.h"
#include "diffusion/plan.h"
#include "nn/initialisation.h"
#include "run/encode.h"
#include "run/generate.h"
#include "run/network.h"
#include "tensor/kernels.h"
#include "tests/nn/published_configs.h"
#include "tests/run/run_of.h"
#include "tests/support/expect_error.h"

namespace ddim::engine::run {
namespace {

using test::expect_error;
using test::run_of;

class LearnedVarianceNetwork : public testing::Test {
 protected:
  static UNetConfig config_of(std::int64_t out_channels) {
    UNetConfig config = modulated_config();  // 4 classes, of which 3 is the null class
    config.out_channels = out_channels;
    return config;
  }
  static UNet network_of(std::int64_t out_channels) {
    UNet unet(make_device(DeviceKind::cpu), config_of(out_channels));
    initialise(unet, Initialisation::pytorch, 1);
    return unet;
  }
  /// A network of the same weights that predicts no variance: the first half of conv_out.
  UNet without_variance() const {
    UNet half = network_of(3);
    for (std::size_t i = 0; i < half.parameters().size(); ++i) {
      std::vector<float> values = to_host(learned_.parameters()[i]->value);
      Tensor& value = half.mutable_parameters()[i]->value;
      values.resize(static_cast<std::size_t>(value.size()));
      value.device().kernels().upload(values, value);
      value.mark_modified();
    }
    return half;
  }
  static std::vector<float> draw(const UNet& unet, Sampler sampler, std::int64_t batch = 4,
                                 double guidance = 1.0) {
    return run_of(unet, {.plan = {.steps = 4, .sampler = sampler},
                         .count = 3,
                         .seed = 5,
                         .class_choice = {.classes = {0, 2}, .guidance = guidance},
                         .run = {.batch = batch, .threads = 1}})
        .samples.x_0.values;
  }
  static double distance(const std::vector<float>& a, const std::vector<float>& b) {
    EXPECT_EQ(a.size(), b.size());
    double largest = 0.0;
    for (std::size_t i = 0; i < a.size(); ++i)
      largest = std::max(largest, std::abs(static_cast<double>(a[i]) - b[i]));
    return largest;
  }

  const UNet learned_ = network_of(6);
};

TEST_F(LearnedVarianceNetwork, OtherSamplersUseThePredictionAlone) {
  const UNet half = without_variance();
  for (const Sampler sampler : {Sampler::ddim, Sampler::ddpm_small, Sampler::heun})
    for (const double guidance : {1.0, 2.5})
      EXPECT_LT(distance(draw(learned_, sampler, 4, guidance), draw(half, sampler, 4, guidance)),
                2e-3)
          << to_string(sampler) << " " << guidance;
}

TEST_F(LearnedVarianceNetwork, GuidanceLeavesTheVarianceOfTheClass) {
  const auto network = make_network(learned_);
  std::vector<float> values(2 * 8 * 8 * 3);
  for (std::size_t i = 0; i < values.size(); ++i) values[i] = std::sin(static_cast<float>(i));
  Tensor x(network->device(), {2, 8, 8, 3});
  x.device().kernels().upload(values, x);
  const auto output = [&](double guidance) {
    return to_host(
        network->predict_with_variance(x, 500, 0, {.classes = {1}, .guidance = guidance}));
  };
  const std::vector<float> plain = output(1.0), guided = output(3.0);
  const std::vector<float> prediction =
      to_host(network->predict(x, 500, 0, {.classes = {1}, .guidance = 3.0}));
  ASSERT_EQ(guided.size(), 2 * prediction.size());
  double moved = 0.0;
  for (std::size_t i = 0; i < guided.size(); ++i) {
    if (i % 6 >= 3) {
      EXPECT_EQ(guided[i], plain[i]);
      continue;
    }
    EXPECT_EQ(guided[i], prediction[i / 6 * 3 + i % 6]);
    moved = std::max(moved, std::abs(static_cast<double>(guided[i]) - plain[i]));
  }
  EXPECT_GT(moved, 1e-3);
}

TEST_F(LearnedVarianceNetwork, DdpmLearnedDrawsTheSameForEveryBatch) {
  const std::vector<float> expected = draw(learned_, Sampler::ddpm_learned);
  EXPECT_EQ(draw(learned_, Sampler::ddpm_learned, 1), expected);
  EXPECT_EQ(draw(learned_, Sampler::ddpm_learned, 2), expected);
  EXPECT_GT(distance(draw(learned_, Sampler::ddpm_large), expected), 1e-3);
  EXPECT_GT(distance(draw(learned_, Sampler::ddpm_small), expected), 1e-3);
  const Generated run = run_of(learned_, {.plan = {.steps = 4, .sampler = Sampler::ddpm_learned},
                                          .count = 3,
                                          .class_choice = {.classes = {0}}});
  EXPECT_EQ(run.num_step_allocations, 0);
}

TEST_F(LearnedVarianceNetwork, AnInitPictureIsEncodedByThePredictionAlone) {
  FloatImages picture{.count = 1, .shape = {.channels = 3, .height = 8, .width = 8}};
  for (int i = 0; i < 192; ++i) picture.values.push_back(std::sin(static_cast<float>(i)));
  const TrainedNetwork model{.network = make_network(learned_),
                             .schedule = diffusion::Schedule::linear()};
  const auto drawn = [&](const SampleOptions& options) {
    const Plan plan = diffusion::make_plan(model.schedule, model.prediction, options.plan);
    return generate(model, plan, options).samples.x_0.values;
  };
  SampleOptions options{.plan = {.steps = 3, .sampler = Sampler::ddpm_learned},
                        .class_choice = {.classes = {1}, .guidance = 2.0}};
  SampleOptions given = options;
  options.init = InitImage{.images = picture, .by = InitBy::encoding};
  given.x_T =
      encode(model, picture, {.plan = {.steps = 3}, .class_choice = options.class_choice}).x_T;
  EXPECT_EQ(drawn(options), drawn(given));
}

TEST_F(LearnedVarianceNetwork, WhatCannotBeIsRefused) {
  expect_error(ErrorCode::user, "ddpm-learned needs a network that predicts a variance",
               [&] { draw(without_variance(), Sampler::ddpm_learned); });
  expect_error(ErrorCode::user, "the network turns 3 channels into 5",
               [] { make_network(network_of(5)); });
}

}  // namespace
}  // namespace ddim::engine::run
