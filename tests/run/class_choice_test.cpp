
#include <gtest/gtest.h>

#include "backend/make_device.h"
#include "diffusion/plan.h"
#include "nn/initialisation.h"
#include "run/generate.h"
#include "run/network.h"
#include "tests/nn/published_configs.h"
#include "tests/run/run_of.h"
#include "tests/support/devices.h"
#include "tests/support/expect_error.h"

namespace ddim::engine::run {
namespace {

using test::expect_error;
using test::run_of;

UNetConfig for_pictures(UNetConfig config) {
  config.out_channels = config.in_channels;
  return config;
}
UNetConfig conditional_config() {
  return for_pictures(modulated_config());  // 4 classes, of which 3 is the null class
}

UNet make_unet(const UNetConfig& config) {
  UNet unet(make_device(DeviceKind::cpu), config);
  initialise(unet, Initialisation::pytorch, 1);
  return unet;
}

struct Draw {
  std::int64_t count = 1;
  std::int64_t first_image = 0;
  std::int64_t batch = 16;
  int num_threads = 1;
};

std::vector<float> draw(const UNet& unet, const ClassChoice& choice, const Draw& how) {
  return run_of(unet, {.plan = {.steps = 3},
                       .count = how.count,
                       .seed = 5,
                       .first_image = how.first_image,
                       .class_choice = choice,
                       .run = {.batch = how.batch, .threads = how.num_threads}})
      .samples.x_0.values;
}

TEST(ClassChoice, AnImageDependsOnItsNumberAndItsClassAlone) {
  const UNet unet = make_unet(conditional_config());
  const ClassChoice choice{.classes = {0, 1, 2}, .guidance = 2.5};
  const std::vector<float> expected = draw(unet, choice, {.count = 5, .batch = 5});
  for (const std::int64_t batch : {1, 2}) {
    for (const int num_threads : {1, 3}) {
      EXPECT_EQ(draw(unet, choice, {.count = 5, .batch = batch, .num_threads = num_threads}),
                expected);
    }
  }
  // Image 4 is of class 4 mod 3 = 1, also when it is drawn alone.
  const std::vector<float> fifth(expected.end() - 192, expected.end());
  EXPECT_EQ(draw(unet, choice, {.first_image = 4}), fifth);
  EXPECT_EQ(draw(unet, {.classes = {1}, .guidance = 2.5}, {.first_image = 4}), fifth);
  EXPECT_NE(draw(unet, {.classes = {0}, .guidance = 2.5}, {.first_image = 4}), fifth);
}

// The adaptive sampler takes the images one by one, whatever a device could do at once.
TEST(ClassChoice, IsThatOfTheImageInAdaptivePlans) {
  for (const DeviceKind kind : test::device_kinds()) {
    UNet unet(test::device(kind), conditional_config());
    initialise(unet, Initialisation::pytorch, 1);
    const auto drawn = [&](std::int64_t first_image, std::int64_t count) {
      return run_of(unet, {.plan = {.sampler = Sampler::adaptive, .tolerance = 2.0},
                           .count = count,
                           .seed = 5,
                           .first_image = first_image,
                           .class_choice = {.classes = {0, 2}},
                           .run = {.threads = 4}})
          .samples.x_0.values;
    };
    const std::vector<float> both = drawn(0, 2);
    EXPECT_EQ(drawn(1, 1), std::vector<float>(both.begin() + 192, both.end())) << to_string(kind);
  }
}

// An init image that is encoded is so under the class that it is then drawn with.
TEST(ClassChoice, IsTheSameInTheEncodingThatAnImageStartsFrom) {
  const UNet unet = make_unet(conditional_config());
  const auto start_from_picture = [&](std::int64_t first_image, std::int64_t count,
                                      const std::vector<std::int64_t>& classes) {
    FloatImages pictures{.count = 1, .shape = {.channels = 3, .height = 8, .width = 8}};
    for (int i = 0; i < 192; ++i) pictures.values.push_back(static_cast<float>(i % 7) / 7.0F);
    return run_of(unet, {.plan = {.steps = 4, .strength = 0.75},
                         .count = count,
                         .seed = 5,
                         .first_image = first_image,
                         .class_choice = {.classes = classes},
                         .init = InitImage{.images = pictures, .by = InitBy::encoding}})
        .samples.x_0.values;
  };
  const std::vector<float> all = start_from_picture(0, 3, {0, 1, 2});
  for (std::int64_t k = 0; k < 3; ++k) {
    const std::vector<float> one(all.begin() + k * 192, all.begin() + (k + 1) * 192);
    EXPECT_EQ(start_from_picture(k, 1, {0, 1, 2}), one) << k;
    EXPECT_EQ(start_from_picture(k, 1, {k}), one) << k;
  }
}

TEST(ClassChoice, GuidanceIsALineThroughTheTwoPredictions) {
  const UNet unet = make_unet(conditional_config());
  const Device device = unet.parameters().front()->value.device();
  Tensor x(device, {2, 8, 8, 3});
  device.kernels().normal_noise({.seed = 3}, 0, x);
  const auto network = make_network(unet);
  const auto predicted = [&](const ClassChoice& choice) {
    return to_host(network->predict(x, 100.0, 0, choice));
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

TEST(ClassChoice, GuidanceCountsItsCallsAndPlansItsMemory) {
  const UNet unet = make_unet(conditional_config());
  const Generated guided = run_of(
      unet, {.plan = {.steps = 3}, .count = 2, .class_choice = {.classes = {0}, .guidance = 3.0}});
  EXPECT_EQ(guided.samples.nfe, 6);
  EXPECT_EQ(guided.num_step_allocations, 0);
}

struct Refused {
  UNetConfig config;
  ClassChoice choice;
  std::string message;
};

TEST(ClassChoice, WhatANetworkCannotBeToldIsRefusedByName) {
  const auto check = [](const UNetConfig& config, const ClassChoice& choice) {
    const UNet unet(make_device(DeviceKind::cpu), config);
    make_network(unet)->check_classes(choice);
  };
  UNetConfig without_null = conditional_config();
  without_null.null_class.reset();
  UNetConfig told_logarithms = for_pictures(fourier_config());
  told_logarithms.class_embed_type = ClassEmbedType::timestep;
  const Refused cases[] = {
      {for_pictures(small_config()), {.classes = {1}}, "class: this model has no classes"},
      {for_pictures(small_config()), {.guidance = 2}, "guidance: this model has no classes"},
      {for_pictures(small_config()), {.null_class = 1}, "null_class: this model has no classes"},
      {for_pictures(learned_times_config()),
       {.classes = {0}, .null_class = 0},
       "null_class: only networks with a table"},
      {conditional_config(),
       {},
       "class: this model has classes; choose one of 0 to 3, several of them, or "
       "\"all\""},
      {conditional_config(), {.classes = {0, 4}}, "class: 4 does not exist; this network knows 0"},
      {conditional_config(), {.classes = {-1}}, "class: -1 does not exist"},
      {conditional_config(),
       {.classes = {0}, .guidance = -1},
       "guidance must be 0 or greater; got -1"},
      {conditional_config(), {.classes = {0}, .null_class = 4}, "null_class: 4 does not exist"},
      {conditional_config(), {.vectors = {1.0F}}, "takes the numbers of classes, 0 to 3"},
      {without_null, {.classes = {0}, .guidance = 2}, "does not say which class means \"none\""},
      {for_pictures(learned_times_config()), {}, "with a number for each image"},
      {for_pictures(learned_times_config()),
       {.classes = {0}, .guidance = 2},
       "only networks with a table"},
      {for_pictures(fourier_config()),
       {.classes = {0}},
       "takes a vector of 32 numbers for each image (ClassChoice::vectors), not the number of a"},
      {for_pictures(fourier_config()), {}, "takes a vector of 32 numbers for each image, found 0"},
      {for_pictures(learned_times_config()),
       {.classes = {0, 6}},
       "class: 6 does not exist; this network knows 0 to 5"},
      {told_logarithms, {.classes = {1, 0}}, "class: 0 has no logarithm"},
      {for_pictures(fourier_config()),
       {.vectors = std::vector<float>(31)},
       "for each image, found 31 numbers"},
  };
  for (const Refused& refused : cases) {
    expect_error(ErrorCode::user, {refused.message},
                 [&] { check(refused.config, refused.choice); });
  }
  EXPECT_NO_THROW(check(without_null, {.classes = {0}, .guidance = 2, .null_class = 3}));
  EXPECT_NO_THROW(check(for_pictures(fourier_config()), {.vectors = std::vector<float>(64)}));
}

TEST(ClassChoice, ATimeWithoutMeaningIsRefusedBeforeTheFirstCall) {
  const UNet unet = make_unet(for_pictures(fourier_config()));
  SampleOptions options{.plan = {.tau = std::vector<double>{0, 500}}};
  options.class_choice.vectors.resize(32);
  bool called = false;
  options.run.progress = [&](const RunProgress&) { called = true; };
  expect_error(ErrorCode::user, {"do not visit t = 0"}, [&] { run_of(unet, options); });
  EXPECT_FALSE(called);
}

}  // namespace
}  // namespace ddim::engine::run
