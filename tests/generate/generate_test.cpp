#include "model/generate.h"

#include <ddim/error.h>
#include <gtest/gtest.h>

#include <limits>

#include "backend/make_device.h"
#include "diffusion/tau.h"
#include "nn/initialisation.h"
#include "tensor/kernels.h"
#include "tests/support/expect_error.h"

namespace ddim::model {
namespace {

using test::expect_error;

UNetConfig config_of(std::int64_t sample_size, std::int64_t channels) {
  return {.sample_size = sample_size,
          .layers_per_block = 1,
          .block_out_channels = {channels, 2 * channels},
          .attention_levels = {1},
          .norm_num_groups = 4};
}

UNet make_unet(const Device& device, const UNetConfig& config = config_of(8, 8)) {
  UNet unet(device, config);
  initialise(unet, Initialisation::pytorch, 1);
  return unet;
}

diffusion::Plan plan_of(std::int64_t S, double eta) {
  return diffusion::make_plan(diffusion::Schedule::linear(),
                              diffusion::make_tau(diffusion::TauKind::linear, S, 1000).steps,
                              {.noise = diffusion::EtaNoise{eta}});
}

class Generate : public testing::TestWithParam<BackendKind> {
 protected:
  const Device device = make_device(GetParam());
};

TEST_P(Generate, SameImagesForEveryBatchAndNumberOfThreads) {
  const UNet unet = make_unet(device);
  const auto draw = [&](std::int64_t batch, int num_threads) {
    return generate(unet, {.plan = plan_of(3, 1.0),
                           .count = 5,
                           .batch = batch,
                           .num_threads = num_threads,
                           .seed = 7})
        .x_0;
  };
  const std::vector<float> expected = draw(5, 1);
  for (const std::int64_t batch : {1, 3, 16}) {
    for (const int num_threads : {1, 2, 4})
      EXPECT_EQ(draw(batch, num_threads), expected) << batch << " " << num_threads;
  }
}

// Image k is the sampler's answer to noise that has seed and k as its key.
TEST_P(Generate, IsTheSamplerWithTheNetwork) {
  const UNet unet = make_unet(device);
  const diffusion::Plan plan = plan_of(3, 0.5);
  const Generated found = generate(
      unet, {.plan = plan, .count = 2, .first_image = 40, .batch = 2, .num_threads = 2, .seed = 9});
  EXPECT_EQ(found.shape, (Shape{2, 3, 8, 8}));
  EXPECT_EQ(found.nfe, 3);

  Tensor x_T(device, {2, 8, 8, 3});
  diffusion::draw_initial_state(9, 40, x_T);
  const diffusion::Denoiser denoiser = [&](const Tensor& x, double t) {
    const double times[] = {t, t};
    Tape tape;
    return unet(tape, x, times).value();
  };
  const auto x_0 = to_host(diffusion::sample(
      plan, denoiser, x_T, diffusion::DrawnNoise{.seed = 9, .first_image = 40}));  // [N,H,W,C]
  for (std::size_t n = 0; n < 2; ++n) {
    for (std::size_t c = 0; c < 3; ++c) {
      for (std::size_t pixel = 0; pixel < 64; ++pixel)
        ASSERT_EQ(found.x_0[(n * 3 + c) * 64 + pixel], x_0[(n * 64 + pixel) * 3 + c]);
    }
  }
}

// Also for samplers that remember, and for the one that takes as many steps as an image needs.
TEST_P(Generate, EverySamplerKeepsTheContract) {
  const UNet unet = make_unet(device);
  const diffusion::Schedule schedule = diffusion::Schedule::linear();
  for (const diffusion::SamplerKind sampler :
       {diffusion::SamplerKind::ab4, diffusion::SamplerKind::unipc,
        diffusion::SamplerKind::adaptive}) {
    const bool is_adaptive = sampler == diffusion::SamplerKind::adaptive;
    const diffusion::Plan plan = make_plan(
        schedule, make_trajectory(schedule, {.kind = diffusion::TauKind::linspace, .num_steps = 5}),
        {.clip = diffusion::Clip::threshold_rederive_eps, .sampler = sampler, .tolerance = 0.3});
    const auto draw = [&](std::int64_t batch, int num_threads) {
      return generate(
          unet, {.plan = plan, .count = 3, .batch = batch, .num_threads = num_threads, .seed = 7});
    };
    const Generated expected = draw(3, 1);
    EXPECT_EQ(draw(2, 2).x_0, expected.x_0) << to_string(sampler);
    EXPECT_EQ(draw(1, 1).x_0, expected.x_0) << to_string(sampler);
    EXPECT_EQ(expected.num_step_allocations, 0) << to_string(sampler);
    if (is_adaptive) {
      EXPECT_GT(expected.nfe, 5);
      EXPECT_LT(expected.nfe, plan.nfe());
    } else {
      EXPECT_EQ(expected.nfe, plan.nfe());
    }
  }
}

TEST_P(Generate, StartsFromGivenStates) {
  const UNet unet = make_unet(device);
  std::vector<float> x_T(3 * 3 * 64);  // [N,C,H,W], with the values that seed 7 draws
  for (std::uint32_t n = 0; n < 3; ++n) {
    std::vector<float> image(3 * 64);  // [H,W,C]
    fill_normal({.seed = 7, .purpose = Purpose::initial_state}, n, image);
    for (std::size_t i = 0; i < image.size(); ++i)
      x_T[n * image.size() + i % 3 * 64 + i / 3] = image[i];
  }
  GenerateOptions options{
      .plan = plan_of(3, 1.0), .count = 3, .batch = 2, .num_threads = 2, .seed = 7};
  const auto drawn = generate(unet, options).x_0;
  options.x_T = x_T;
  EXPECT_EQ(generate(unet, options).x_0, drawn);
}

TEST_P(Generate, AsksTheSystemForNoMemoryInsideAStep) {
  // Large enough that the activations do not fit into what an arena takes by itself.
  const UNet unet = make_unet(device, config_of(64, 8));
  const Generated found =
      generate(unet, {.plan = plan_of(2, 1.0), .count = 2, .batch = 2, .num_threads = 2});
  EXPECT_EQ(found.num_step_allocations, 0);
}

TEST_P(Generate, NamesTheLayerOfANan) {
  UNet unet = make_unet(device);
  for (Parameter* parameter : unet.mutable_parameters()) {
    if (parameter->name != "mid_block.resnets.0.conv2.bias") continue;
    device.kernels().fill(std::numeric_limits<double>::quiet_NaN(), parameter->value);
    parameter->value.mark_modified();
  }
  expect_error(ErrorCode::numeric, {"mid_block.resnets.0", "t = 999, images 5 to 6"}, [&] {
    generate(unet, {.plan = plan_of(4, 0.0), .count = 2, .first_image = 5, .batch = 2});
  });
}

INSTANTIATE_TEST_SUITE_P(Backends, Generate, testing::Values(BackendKind::ref, BackendKind::cpu),
                         [](const auto& test) {
                           return test.param == BackendKind::ref ? "ref" : "cpu";
                         });

TEST(GenerateOptions, ProgressCountsImageStepsAndCanStop) {
  const UNet unet = make_unet(make_device(BackendKind::ref));
  GenerateOptions options{.plan = plan_of(3, 0.0), .count = 4, .batch = 2, .num_threads = 2};
  std::int64_t last = 0;
  options.progress = [&](std::int64_t done, std::int64_t total) {
    EXPECT_GT(done, last);
    EXPECT_EQ(total, 12);
    last = done;
    return diffusion::Flow::proceed;
  };
  generate(unet, options);
  EXPECT_EQ(last, 12);

  int num_calls = 0;
  options.progress = [&](std::int64_t, std::int64_t) {
    return ++num_calls == 3 ? diffusion::Flow::stop : diffusion::Flow::proceed;
  };
  expect_error(ErrorCode::interrupted, "stopped", [&] { generate(unet, options); });
  EXPECT_EQ(num_calls, 3);
}

TEST(GenerateOptions, RefusesWhatDoesNotFit) {
  const Device device = make_device(BackendKind::ref);
  const UNet unet = make_unet(device);
  const auto refused = [&](const std::string& part, const GenerateOptions& options) {
    expect_error(ErrorCode::user, part, [&] { generate(unet, options); });
  };
  const diffusion::Plan plan = plan_of(2, 0.0);
  refused("plan has no steps", {});
  refused("count: 0 images", {.plan = plan, .count = 0});
  refused("go beyond", {.plan = plan, .count = 2, .first_image = 0xFFFFFFFF});
  refused("batch: 0", {.plan = plan, .batch = 0});
  refused("threads: 0", {.plan = plan, .num_threads = 0});
  std::vector<float> x_T(191);
  refused("x_T: 191 numbers; expected 192", {.plan = plan, .x_T = x_T});
  x_T.resize(192, std::numeric_limits<float>::infinity());
  refused("x_T: holds NaN or infinity", {.plan = plan, .x_T = x_T});

  UNetConfig two_outputs = config_of(8, 8);
  two_outputs.out_channels = 6;
  const UNet learned_variance = make_unet(device, two_outputs);
  expect_error(ErrorCode::user, "3 channels into 6",
               [&] { generate(learned_variance, {.plan = plan}); });
}

}  // namespace
}  // namespace ddim::model
