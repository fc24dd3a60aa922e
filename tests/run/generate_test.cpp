#include "run/generate.h"

#include <ddim/error.h>
#include <gtest/gtest.h>

#include <limits>
#include <stop_token>

#include "backend/make_device.h"
#include "diffusion/plan.h"
#include "diffusion/sampler.h"
#include "nn/initialisation.h"
#include "tensor/kernels.h"
#include "tests/run/run_of.h"
#include "tests/support/expect_error.h"

namespace ddim::engine::run {
namespace {

using test::expect_error;
using test::run_of;

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

class Generate : public testing::TestWithParam<DeviceKind> {
 protected:
  const Device device = make_device(GetParam());
};

TEST_P(Generate, SameImagesForEveryBatchAndNumberOfThreads) {
  const UNet unet = make_unet(device);
  const auto draw = [&](std::int64_t batch, int num_threads) {
    return run_of(unet, {.plan = {.steps = 3, .eta = 1.0},
                         .count = 5,
                         .seed = 7,
                         .run = {.batch = batch, .threads = num_threads}})
        .samples.x_0.values;
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
  const PlanOptions options{.steps = 3, .eta = 0.5};
  const Samples found = run_of(unet, {.plan = options,
                                      .count = 2,
                                      .seed = 9,
                                      .first_image = 40,
                                      .run = {.batch = 2, .threads = 2}})
                            .samples;
  EXPECT_EQ(found.x_0.count, 2);
  EXPECT_EQ(found.x_0.shape, (PictureShape{.channels = 3, .height = 8, .width = 8}));
  EXPECT_EQ(found.nfe, 3);

  Tensor x_T(device, {2, 8, 8, 3});
  diffusion::draw_initial_state(9, 40, x_T);
  const diffusion::Denoiser denoiser = [&](const Tensor& x, double t) {
    const double times[] = {t, t};
    Tape tape;
    return unet(tape, x, times).value();
  };
  const Plan plan = diffusion::make_plan(diffusion::Schedule::linear(), Prediction::eps, options);
  const Tensor x_0 =
      diffusion::sample(plan, denoiser, x_T, diffusion::DrawnNoise{.seed = 9, .first_image = 40});
  EXPECT_EQ(found.x_0.values, to_host(x_0));
}

// Also for samplers that remember, and for the one that takes as many steps as an image needs.
TEST_P(Generate, EverySamplerKeepsTheContract) {
  const UNet unet = make_unet(device);
  const diffusion::Schedule schedule = diffusion::Schedule::linear();
  for (const Sampler sampler : {Sampler::ab4, Sampler::unipc, Sampler::adaptive}) {
    const PlanOptions options{
        .steps = 5,
        .tau = TauKind::linspace,
        .clip = {.bound = Clip::Bound::quantile, .eps = Clip::EpsRule::rederive},
        .sampler = sampler,
        .tolerance = 0.3};
    const Plan plan = diffusion::make_plan(schedule, Prediction::eps, options);
    const auto draw = [&](std::int64_t batch, int num_threads) {
      return run_of(unet, {.plan = options,
                           .count = 3,
                           .seed = 7,
                           .run = {.batch = batch, .threads = num_threads}});
    };
    const Generated expected = draw(3, 1);
    const std::vector<float>& x_0 = expected.samples.x_0.values;
    EXPECT_EQ(draw(2, 2).samples.x_0.values, x_0) << to_string(sampler);
    EXPECT_EQ(draw(1, 1).samples.x_0.values, x_0) << to_string(sampler);
    EXPECT_EQ(expected.num_step_allocations, 0) << to_string(sampler);
    if (plan.is_adaptive()) {
      EXPECT_GT(expected.samples.nfe, 5);
      EXPECT_LT(expected.samples.nfe, plan.nfe);
    } else {
      EXPECT_EQ(expected.samples.nfe, plan.nfe);
    }
  }
}

TEST_P(Generate, StartsFromGivenStates) {
  const UNet unet = make_unet(device);
  // With the values that seed 7 draws.
  FloatImages x_T{.count = 3, .shape = {.channels = 3, .height = 8, .width = 8}};
  x_T.values.resize(3 * 3 * 64);
  for (std::uint32_t n = 0; n < 3; ++n)
    fill_normal({.seed = 7, .purpose = Purpose::initial_state}, n,
                std::span(x_T.values).subspan(n * x_T.shape.size(), x_T.shape.size()));
  SampleOptions options{
      .plan = {.steps = 3, .eta = 1.0}, .count = 3, .seed = 7, .run = {.batch = 2, .threads = 2}};
  const auto drawn = run_of(unet, options).samples.x_0.values;
  options.x_T = x_T;
  EXPECT_EQ(run_of(unet, options).samples.x_0.values, drawn);
}

TEST_P(Generate, AsksTheSystemForNoMemoryInsideAStep) {
  // Large enough that the activations do not fit into what an arena takes by itself.
  const UNet unet = make_unet(device, config_of(64, 8));
  const Generated found = run_of(
      unet, {.plan = {.steps = 2, .eta = 1.0}, .count = 2, .run = {.batch = 2, .threads = 2}});
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
    run_of(unet,
           {.plan = {.steps = 4}, .count = 2, .first_image = 5, .run = {.batch = 2, .threads = 1}});
  });
}

INSTANTIATE_TEST_SUITE_P(Backends, Generate,
                         testing::Values(DeviceKind::reference, DeviceKind::cpu),
                         [](const auto& test) {
                           return test.param == DeviceKind::reference ? "ref" : "cpu";
                         });

TEST(GenerateProgress, CountsEvaluationsAndCanStop) {
  const UNet unet = make_unet(make_device(DeviceKind::reference));
  SampleOptions options{.plan = {.steps = 3}, .count = 4, .run = {.batch = 2, .threads = 2}};
  std::int64_t last = 0;
  options.run.progress = [&](const RunProgress& progress) {
    EXPECT_GT(progress.evaluations_done, last);
    EXPECT_EQ(progress.evaluations, 12);
    last = progress.evaluations_done;
  };
  run_of(unet, options);
  EXPECT_EQ(last, 12);

  int num_calls = 0;
  std::stop_source source;
  options.run.stop = source.get_token();
  options.run.progress = [&](const RunProgress&) {
    if (++num_calls == 3) source.request_stop();
  };
  expect_error(ErrorCode::interrupted, "stopped", [&] { run_of(unet, options); });
  EXPECT_EQ(num_calls, 3);
}

TEST(GenerateChecks, RefuseWhatDoesNotFit) {
  const Device device = make_device(DeviceKind::reference);
  const UNet unet = make_unet(device);
  const TrainedNetwork model{.network = make_network(unet),
                             .schedule = diffusion::Schedule::linear()};
  const PlanOptions plan{.steps = 2};
  const auto refused = [&](const std::string& part, const SampleOptions& options) {
    expect_error(ErrorCode::user, part, [&] { run_of(unet, options); });
  };
  expect_error(ErrorCode::user, "plan has no steps", [&] { generate(model, {}, {}); });
  refused("count must be 1 or greater; got 0", {.plan = plan, .count = 0});
  refused("images 4294967295 to 4294967296 do not all exist; the last image is 4294967295",
          {.plan = plan, .count = 2, .first_image = 0xFFFFFFFF});
  refused("first_image must not be negative; got -1", {.plan = plan, .first_image = -1});
  refused("batch must be 1 or greater; got 0", {.plan = plan, .run = {.batch = 0}});
  refused("threads must be from 0 to 1024; got -1", {.plan = plan, .run = {.threads = -1}});
  FloatImages x_T{.count = 1, .shape = {.channels = 3, .height = 8, .width = 8}};
  x_T.values.resize(191);
  refused("x_T: 191 numbers; expected 192", {.plan = plan, .x_T = x_T});
  x_T.values.resize(192, std::numeric_limits<float>::infinity());
  refused("x_T: holds NaN or infinity", {.plan = plan, .x_T = x_T});

  UNetConfig two_outputs = config_of(8, 8);
  two_outputs.out_channels = 5;
  const UNet five = make_unet(device, two_outputs);
  expect_error(ErrorCode::user, "3 channels into 5", [&] { make_network(five); });
}

}  // namespace
}  // namespace ddim::engine::run
