// A function of the caller's in place of a network, for pictures that are not square.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <stdexcept>

#include "backend/make_device.h"
#include "diffusion/plan.h"
#include "diffusion/sampler.h"
#include "run/encode.h"
#include "run/generate.h"
#include "tensor/kernels.h"
#include "tests/support/expect_error.h"

namespace ddim::engine::run {
namespace {

using test::expect_error;

constexpr PictureShape kShape{.channels = 2, .height = 6, .width = 10};

/// What becomes of a picture depends on its pixels, their places, its number and t.
void predict(const ddim::Denoiser::Call& call, std::span<float> output) {
  const std::size_t size = kShape.size();
  for (std::size_t i = 0; i < output.size(); ++i) {
    const std::size_t picture = i / size, place = i % size;
    const float neighbour = call.x_t[picture * size + (place + 2) % size];
    const double number = static_cast<double>(call.first_image) + static_cast<double>(picture);
    output[i] = static_cast<float>(std::tanh(0.8 * call.x_t[i] + 0.1 * neighbour +
                                             0.01 * static_cast<double>(place) + 0.05 * number +
                                             call.t / 2000.0));
  }
}

ddim::Denoiser make_denoiser() { return {.name = "tanh", .shape = kShape, .predict = predict}; }

TrainedNetwork make_model(ddim::Denoiser denoiser = make_denoiser()) {
  return {.network = make_network(std::move(denoiser)), .schedule = diffusion::Schedule::linear()};
}

struct Cut {
  std::int64_t batch;
  int threads;
};
constexpr Cut kCuts[] = {{1, 1}, {1, 2}, {3, 1}, {3, 2}};

class CustomNetwork : public testing::TestWithParam<Sampler> {};

TEST_P(CustomNetwork, IsTheSamplerWithTheFunction) {
  constexpr std::uint32_t kFirst = 4;
  const TrainedNetwork model = make_model();
  const PlanOptions options{.steps = 5, .sampler = GetParam(), .tolerance = 0.05};
  const Plan plan = diffusion::make_plan(model.schedule, Prediction::eps, options);

  const Device device = make_device(DeviceKind::cpu);
  std::vector<float> expected;
  for (std::uint32_t n = kFirst; n < kFirst + 3; ++n) {
    const diffusion::Denoiser function = [&](const Tensor& x, double t) {
      const std::vector<float> x_t = to_host(x);
      std::vector<float> output(x_t.size());
      predict({.x_t = x_t, .count = 1, .t = t, .first_image = n}, output);
      return from_host(x.device(), x.shape(), output);
    };
    Tensor x_T(device, {1, 6, 10, 2});
    diffusion::draw_initial_state(9, n, x_T);
    const std::vector<float> x_0 = to_host(
        diffusion::sample(plan, function, x_T, diffusion::DrawnNoise{.seed = 9, .first_image = n}));
    expected.insert(expected.end(), x_0.begin(), x_0.end());
  }
  for (const auto& [batch, threads] : kCuts) {
    const Generated found = generate(model, plan,
                                     {.count = 3,
                                      .seed = 9,
                                      .first_image = kFirst,
                                      .run = {.batch = batch, .threads = threads}});
    EXPECT_EQ(found.samples.x_0.count, 3);
    EXPECT_EQ(found.samples.x_0.shape, kShape);
    EXPECT_EQ(found.samples.x_0.values, expected) << "batch " << batch << ", threads " << threads;
    EXPECT_EQ(found.num_step_allocations, 0);
  }
}

INSTANTIATE_TEST_SUITE_P(Samplers, CustomNetwork,
                         testing::Values(Sampler::ddim, Sampler::heun, Sampler::adaptive),
                         [](const auto& test) { return std::string(to_string(test.param)); });

FloatImages make_pictures() {
  FloatImages pictures{.count = 3, .shape = kShape};
  pictures.values.resize(3 * kShape.size());
  for (std::size_t i = 0; i < pictures.values.size(); ++i)
    pictures.values[i] = static_cast<float>(std::sin(0.37 * static_cast<double>(i)));
  return pictures;
}

TEST(CustomNetworkEncode, LeadsBackToThePictures) {
  const TrainedNetwork model = make_model();
  const FloatImages pictures = make_pictures();
  std::vector<float> code_of_first_cut;
  for (const auto& [batch, threads] : kCuts) {
    const RunOptions run{.batch = batch, .threads = threads};
    const Codes codes =
        encode(model, pictures, {.plan = {.steps = 20}, .method = EncodeMethod::exact, .run = run});
    EXPECT_EQ(codes.x_T.shape, kShape);
    EXPECT_NE(codes.x_T.values, pictures.values);
    if (code_of_first_cut.empty()) code_of_first_cut = codes.x_T.values;
    EXPECT_EQ(codes.x_T.values, code_of_first_cut) << batch << " " << threads;

    const SampleOptions decode = decoding(codes, {.run = run});
    const Plan plan = diffusion::make_plan(model.schedule, Prediction::eps, decode.plan);
    const FloatImages back = generate(model, plan, decode).samples.x_0;
    ASSERT_EQ(back.values.size(), pictures.values.size());
    for (std::size_t i = 0; i < back.values.size(); ++i)
      ASSERT_NEAR(back.values[i], pictures.values[i], 1e-4) << i;
  }
}

TEST(CustomNetworkChecks, RefuseWhatCannotBe) {
  expect_error(ErrorCode::user, "no function to predict with",
               [] { make_network(ddim::Denoiser{.shape = kShape}); });
  expect_error(ErrorCode::user, "10x0x2 (width, height, channels) are empty", [] {
    ddim::Denoiser denoiser = make_denoiser();
    denoiser.shape.height = 0;
    make_network(denoiser);
  });
  expect_error(ErrorCode::user, "are too large", [] {
    ddim::Denoiser denoiser = make_denoiser();
    denoiser.shape = {.channels = 1 << 20, .height = 1 << 22, .width = 1 << 22};
    make_network(denoiser);
  });
  const TrainedNetwork model = make_model();
  const Plan plan = diffusion::make_plan(model.schedule, Prediction::eps, {.steps = 2});
  expect_error(ErrorCode::user, "a custom denoiser is not told classes",
               [&] { generate(model, plan, {.class_choice = {.classes = {0}}}); });
  expect_error(ErrorCode::user, "x_T: 1 picture of 6x10x2; expected 1 of 10x6x2", [&] {
    FloatImages x_T{.count = 1, .shape = {.channels = 2, .height = 10, .width = 6}};
    x_T.values.resize(120);
    generate(model, plan, {.x_T = x_T});
  });
}

TEST(CustomNetworkErrors, ReachTheCaller) {
  ddim::Denoiser nan = make_denoiser();
  nan.predict = [](const ddim::Denoiser::Call&, std::span<float> output) {
    std::ranges::fill(output, std::numeric_limits<float>::quiet_NaN());
  };
  ddim::Denoiser throws = make_denoiser();
  throws.predict = [](const ddim::Denoiser::Call&, std::span<float>) {
    throw std::runtime_error("out of ideas");
  };
  const diffusion::Schedule schedule = diffusion::Schedule::linear();
  const Plan plan = diffusion::make_plan(schedule, Prediction::eps, {.steps = 2});
  const SampleOptions options{.count = 2, .run = {.batch = 2, .threads = 2}};
  expect_error(ErrorCode::numeric, "holds NaN", [&] { generate(make_model(nan), plan, options); });
  FloatImages pictures{.count = 1, .shape = kShape};
  pictures.values.resize(kShape.size());
  expect_error(ErrorCode::numeric, "encode: NaN or infinity at t = 0", [&] {
    encode(make_model(nan), pictures, {.plan = {.steps = 2}, .method = EncodeMethod::exact});
  });
  EXPECT_THROW(generate(make_model(throws), plan, options), std::runtime_error);
}

}  // namespace
}  // namespace ddim::engine::run
