#include "model/class_condition.h"

#include <gtest/gtest.h>

#include "backend/make_device.h"
#include "diffusion/tau.h"
#include "model/generate.h"
#include "nn/initialisation.h"
#include "tests/nn/published_configs.h"
#include "tests/support/expect_error.h"

namespace ddim::model {
namespace {

using test::expect_error;

UNetConfig conditional_config() {
  UNetConfig config = modulated_config();  // 4 classes, of which 3 is the null class
  config.out_channels = config.in_channels;
  return config;
}

UNet make_unet(const UNetConfig& config) {
  UNet unet(make_device(BackendKind::cpu), config);
  initialise(unet, Initialisation::pytorch, 1);
  return unet;
}

diffusion::Plan three_steps() {
  return diffusion::make_plan(diffusion::Schedule::linear(),
                              diffusion::make_tau(diffusion::TauKind::linear, 3, 1000).steps);
}

struct Draw {
  std::int64_t count = 1;
  std::uint32_t first_image = 0;
  std::int64_t batch = 16;
  int num_threads = 1;
};

std::vector<float> draw(const UNet& unet, const ClassCondition& condition, const Draw& how) {
  GenerateOptions options;
  options.plan = three_steps();
  options.count = how.count;
  options.first_image = how.first_image;
  options.batch = how.batch;
  options.num_threads = how.num_threads;
  options.seed = 5;
  options.condition = condition;
  return generate(unet, options).x_0;
}

TEST(ClassCondition, AnImageDependsOnItsNumberAndItsClassAlone) {
  const UNet unet = make_unet(conditional_config());
  const ClassCondition condition{.classes = {0, 1, 2}, .guidance = 2.5};
  const std::vector<float> expected = draw(unet, condition, {.count = 5, .batch = 5});
  for (const std::int64_t batch : {1, 2}) {
    for (const int num_threads : {1, 3}) {
      EXPECT_EQ(draw(unet, condition, {.count = 5, .batch = batch, .num_threads = num_threads}),
                expected);
    }
  }
  // Image 4 is of class 4 mod 3 = 1, also when it is drawn alone.
  const std::vector<float> fifth(expected.end() - 192, expected.end());
  EXPECT_EQ(draw(unet, condition, {.first_image = 4}), fifth);
  EXPECT_EQ(draw(unet, {.classes = {1}, .guidance = 2.5}, {.first_image = 4}), fifth);
  EXPECT_NE(draw(unet, {.classes = {0}, .guidance = 2.5}, {.first_image = 4}), fifth);
}

TEST(ClassCondition, GuidanceIsALineThroughTheTwoPredictions) {
  const UNet unet = make_unet(conditional_config());
  const Device device = unet.parameters().front()->value.device();
  Tensor x(device, {2, 8, 8, 3});
  device.kernels().normal_noise({.seed = 3}, 0, x);
  const auto predicted = [&](const ClassCondition& condition) {
    return to_host(predict(unet, x, 100.0, 0, condition));
  };
  const std::vector<float> of_class = predicted({.classes = {1}});
  const std::vector<float> of_none = predicted({.classes = {3}});
  const std::vector<float> guided = predicted({.classes = {1}, .guidance = 4.0});
  ASSERT_NE(of_class, of_none);
  for (std::size_t i = 0; i < guided.size(); ++i)
    EXPECT_NEAR(guided[i], of_none[i] + 4.0F * (of_class[i] - of_none[i]), 1e-5F);
  EXPECT_EQ(predicted({.classes = {1}, .guidance = 0.0}), of_none);
  // Another null class than the configuration's.
  EXPECT_EQ(predicted({.classes = {1}, .guidance = 0.0, .null_class = 2}),
            predicted({.classes = {2}}));
}

TEST(ClassCondition, GuidanceCountsItsCallsAndPlansItsMemory) {
  const UNet unet = make_unet(conditional_config());
  GenerateOptions options;
  options.plan = three_steps();
  options.count = 2;
  options.condition = {.classes = {0}, .guidance = 3.0};
  const Generated guided = generate(unet, options);
  EXPECT_EQ(guided.nfe, 6);
  EXPECT_EQ(guided.num_step_allocations, 0);
}

struct Refused {
  UNetConfig config;
  ClassCondition condition;
  std::string message;
};

TEST(ClassCondition, WhatANetworkCannotBeToldIsRefusedByName) {
  UNetConfig without_null = conditional_config();
  without_null.null_class.reset();
  const Refused cases[] = {
      {small_config(), {.classes = {1}}, "class: this network was trained without classes"},
      {small_config(), {.guidance = 2}, "guidance: this network was trained without classes"},
      {conditional_config(), {}, "say which of 0 to 3 to draw"},
      {conditional_config(), {.classes = {0, 4}}, "class: 4 does not exist; this network knows 0"},
      {conditional_config(), {.classes = {-1}}, "class: -1 does not exist"},
      {conditional_config(), {.classes = {0.5}}, "class: 0.5 does not exist"},
      {conditional_config(), {.classes = {0}, .guidance = -1}, "guidance: -1 is not a number from"},
      {conditional_config(), {.classes = {0}, .null_class = 4}, "null class: 4 does not exist"},
      {conditional_config(), {.vectors = {1.0F}}, "takes the numbers of classes, 0 to 3"},
      {without_null, {.classes = {0}, .guidance = 2}, "does not say which class means \"none\""},
      {learned_times_config(), {}, "with a number for each image"},
      {learned_times_config(), {.classes = {0}, .guidance = 2}, "only networks with a table"},
      {fourier_config(), {.classes = {0}}, "takes a vector of 32 numbers for each image, found 0"},
      {fourier_config(), {.vectors = std::vector<float>(31)}, "for each image, found 31 numbers"},
  };
  for (const Refused& refused : cases) {
    expect_error(ErrorCode::user, {refused.message},
                 [&] { check_condition(refused.config, refused.condition); });
  }
  EXPECT_NO_THROW(check_condition(without_null, {.classes = {0}, .guidance = 2, .null_class = 3}));
  EXPECT_NO_THROW(check_condition(fourier_config(), {.vectors = std::vector<float>(64)}));
}

TEST(ClassCondition, ATimeWithoutMeaningIsRefusedBeforeTheFirstCall) {
  UNetConfig config = fourier_config();
  config.out_channels = 3;
  const UNet unet = make_unet(config);
  GenerateOptions options;
  options.condition.vectors.resize(32);
  const std::vector<std::int64_t> tau{0, 500};
  options.plan = diffusion::make_plan(diffusion::Schedule::linear(), tau);
  bool called = false;
  options.progress = [&](std::int64_t, std::int64_t) {
    called = true;
    return diffusion::Flow::proceed;
  };
  expect_error(ErrorCode::user, {"do not visit t = 0"}, [&] { generate(unet, options); });
  EXPECT_FALSE(called);
}

}  // namespace
}  // namespace ddim::model
