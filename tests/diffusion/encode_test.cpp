#include "diffusion/encode.h"

#include <algorithm>
#include <cmath>

#include "backend/ref/ref_backend.h"
#include "diffusion/invert.h"
#include "diffusion/tau.h"
#include "tests/support/expect_error.h"

namespace ddim::engine::diffusion {
namespace {

using test::expect_error;

constexpr double kWide = 0.8, kNarrow = 0.05;  // standard deviations of the data

class Encode : public testing::Test {
 protected:
  const Schedule schedule = Schedule::linear();
  const Device device{make_ref_backend()};

  Plan plan_of(std::int64_t S, PlanOptions options = {},
               Prediction prediction = Prediction::eps) const {
    options.steps = S;
    options.final_alpha = FinalAlpha::first;
    return make_plan(schedule, prediction, options);
  }

  /// Where element i of the data lies: two clusters in every second direction, so that eps is not
  /// linear, a narrow Gaussian in the others, as a background is.
  static bool is_wide(std::int64_t i) { return i % 2 == 0; }

  /// The true eps of such data, in closed form: x_t is a mixture of N(+-m, v) with
  /// m = sqrt(alpha_bar), v = alpha_bar s^2 + 1 - alpha_bar, or one Gaussian around 0.
  double true_eps(double x, std::int64_t i, double alpha_bar) const {
    const double s = is_wide(i) ? 0.3 : kNarrow;
    const double variance = alpha_bar * s * s + 1.0 - alpha_bar;
    const double mean = is_wide(i) ? std::sqrt(alpha_bar) * kWide : 0.0;
    const double minus_score = (x - mean * std::tanh(x * mean / variance)) / variance;
    return std::sqrt(1.0 - alpha_bar) * minus_score;
  }
  Denoiser oracle(Prediction prediction = Prediction::eps) const {
    return [this, prediction](const Tensor& x, double t) {
      const double alpha_bar = schedule.alpha_bar_at(t);
      Tensor output = empty_like(x);
      for (std::int64_t i = 0; i < x.size(); ++i) {
        const double value = x.data<float>()[i];
        const double eps = true_eps(value, i, alpha_bar);
        const double x0 = (value - std::sqrt(1.0 - alpha_bar) * eps) / std::sqrt(alpha_bar);
        const Target target = training_target(prediction, alpha_bar);
        output.data<float>()[i] = static_cast<float>(target.from_x0 * x0 + target.from_eps * eps);
      }
      return output;
    };
  }
  /// Data of that kind.
  Tensor data(std::int64_t num_images) const {
    Tensor x(device, {num_images, 4, 4, 2});
    std::vector<float> z(32);
    for (std::int64_t n = 0; n < num_images; ++n) {
      fill_normal({.seed = 1}, static_cast<std::uint32_t>(n), z);
      for (std::int64_t i = 0; i < 32; ++i) {
        const float normal = z[static_cast<std::size_t>(i)];
        x.data<float>()[n * 32 + i] =
            is_wide(i) ? static_cast<float>((normal > 0 ? kWide : -kWide) +
                                            0.3 * z[31 - static_cast<std::size_t>(i)])
                       : static_cast<float>(kNarrow * normal);
      }
    }
    return x;
  }
  static double mean_squared(const Tensor& a, const Tensor& b) {
    double sum = 0.0;
    for (std::int64_t i = 0; i < a.size(); ++i)
      sum += std::pow(a.data<float>()[i] - b.data<float>()[i], 2);
    return sum / static_cast<double>(a.size());
  }
  static double largest(const Tensor& a, const Tensor& b) {
    double most = 0.0;
    for (std::int64_t i = 0; i < a.size(); ++i)
      most = std::max(most, std::abs(static_cast<double>(a.data<float>()[i]) - b.data<float>()[i]));
    return most;
  }
};

TEST_F(Encode, StepsAreThoseOfTheSamplerTheOtherWayRound) {
  const Plan plan = plan_of(4);
  const std::vector<EncodeStep> steps = make_encoding(plan);
  ASSERT_EQ(steps.size(), 4U);
  EXPECT_EQ(steps[0].t_prev, 0.0);
  EXPECT_EQ(steps[0].t, 249.0);
  EXPECT_EQ(steps[1].t_prev, 249.0);
  EXPECT_EQ(steps[3].t, 999.0);
  // eq. 13 in y = x / sqrt(alpha_bar): the difference of y is that of the noise levels times eps.
  for (const EncodeStep& step : steps) {
    const double low = schedule.alpha_bar_at(step.t_prev), high = schedule.alpha_bar_at(step.t);
    EXPECT_NEAR(step.x_from_prev * std::sqrt(low), std::sqrt(high), 1e-14);
    EXPECT_NEAR(step.x_from_eps, std::sqrt(high) * (noise_level(high) - noise_level(low)), 1e-12);
  }
  // A list that starts at 0 has a last step that does not move.
  EXPECT_EQ(make_encoding(plan_of(4, {.tau = TauKind::linspace})).size(), 3U);
}

TEST_F(Encode, AnEncodingComesBackTheBetterTheMoreSteps) {
  const Tensor x_0 = data(4);
  double previous = 1.0;
  for (const std::int64_t S : {10, 20, 50, 100, 200, 500, 1000}) {
    const Plan plan = plan_of(S);
    const Tensor x_T = encode(make_encoding(plan), oracle(), x_0);
    const double error = mean_squared(sample(plan, oracle(), x_T, DrawnNoise{}), x_0);
    EXPECT_LT(error, 0.8 * previous) << S;
    previous = error;
  }
  EXPECT_LT(previous, 1e-5);
}

TEST_F(Encode, IsTheSameForEveryPrediction) {
  const Tensor x_0 = data(2);
  const Tensor expected = encode(make_encoding(plan_of(20)), oracle(), x_0);
  for (const Prediction prediction : {Prediction::x0, Prediction::v}) {
    const Plan plan = plan_of(20, {}, prediction);
    EXPECT_LT(largest(encode(make_encoding(plan), oracle(prediction), x_0), expected), 1e-3);
    const Inverted exact = invert(make_encoding(plan), oracle(prediction), x_0);
    const Tensor back = sample(plan, oracle(prediction), exact.x_T, DrawnNoise{});
    EXPECT_LT(largest(back, x_0), 1e-5) << to_string(prediction);
  }
}

TEST_F(Encode, AnExactEncodingComesBackToFloatAccuracy) {
  const Tensor x_0 = data(3);
  for (const std::int64_t S : {10, 50}) {
    const Plan plan = plan_of(S);
    const Inverted exact = invert(make_encoding(plan), oracle(), x_0);
    const Tensor back = sample(plan, oracle(), exact.x_T, DrawnNoise{});
    EXPECT_LT(largest(back, x_0), 1e-5) << S;
    EXPECT_LT(std::ranges::max(exact.residuals), 2e-6) << S;
    EXPECT_GT(largest(encode(make_encoding(plan), oracle(), x_0), exact.x_T), 1e-3) << S;
  }
}

TEST_F(Encode, AnExactCodeIsTheNoiseThatAPictureWasDrawnFrom) {
  const Plan plan = plan_of(50);
  Tensor x_T(device, {2, 4, 4, 2});
  draw_initial_state(4, 0, x_T);
  const Tensor x_0 = sample(plan, oracle(), x_T, DrawnNoise{});
  EXPECT_LT(largest(invert(make_encoding(plan), oracle(), x_0).x_T, x_T), 2e-3);
}

TEST_F(Encode, AnImageDoesNotDependOnItsNeighbours) {
  const Tensor all = data(3);
  const std::vector<EncodeStep> steps = make_encoding(plan_of(10));
  const Denoiser network = oracle();
  const Inverted together = invert(steps, network, all);
  const std::vector<float> codes = to_host(together.x_T);
  for (std::int64_t n = 0; n < 3; ++n) {
    // The oracle knows an element by its position in the image.
    const Inverted alone = invert(steps, network, all.slice(n, 1));
    const std::vector<float> code = to_host(alone.x_T);
    EXPECT_TRUE(std::equal(code.begin(), code.end(), codes.begin() + n * 32)) << n;
    EXPECT_EQ(alone.num_calls[0], together.num_calls[static_cast<std::size_t>(n)]);
  }
}

// A network that returns noise of its own has no fixed point to find: the rest is told.
TEST_F(Encode, SaysWhatIsLeftWhereAStepHasNoInverse) {
  const Denoiser erratic = [count = 0](const Tensor& x, double) mutable {
    Tensor eps = empty_like(x);
    x.device().kernels().normal_noise({.seed = 1, .step = static_cast<std::uint32_t>(++count)}, 0,
                                      eps);
    return eps;
  };
  const Inverted found =
      invert(make_encoding(plan_of(2)), erratic, data(1), {.tolerance = 1e-6, .max_calls = 5});
  EXPECT_GT(found.residuals[0], 1e-3);
  EXPECT_EQ(found.num_calls[0], 10);
}

TEST_F(Encode, ObserversSeeEachStepAndCanStop) {
  const std::vector<EncodeStep> steps = make_encoding(plan_of(5));
  std::vector<double> visited;
  const EncodeObserver watch = [&](const EncodeReport& report) {
    visited.push_back(report.step.t);
    return visited.size() % 5 == 3 && visited.size() > 5 ? Flow::stop : Flow::proceed;
  };
  encode(steps, oracle(), data(1), watch);
  EXPECT_EQ(visited, (std::vector<double>{199, 399, 599, 799, 999}));
  expect_error(ErrorCode::interrupted, "t = 599", [&] { encode(steps, oracle(), data(1), watch); });
  visited.resize(5);
  expect_error(ErrorCode::interrupted, "t = 599",
               [&] { invert(steps, oracle(), data(1), {}, watch); });
}

TEST_F(Encode, RefusesWhatCannotBeUndone) {
  expect_error(ErrorCode::user, "eta 0", [&] { make_encoding(plan_of(5, {.eta = 0.5})); });
  expect_error(ErrorCode::user, "clip",
               [&] { make_encoding(plan_of(5, {.clip = {.bound = Clip::Bound::range}})); });
  expect_error(ErrorCode::user, "sampler ddim",
               [&] { make_encoding(plan_of(5, {.sampler = Sampler::heun})); });
  expect_error(ErrorCode::user, "another tau",
               [&] { make_encoding(plan_of(7, {.tau = TauKind::diffusers_trailing})); });
  expect_error(ErrorCode::user, "visit t = 0 alone",
               [&] { make_encoding(plan_of(1, {.tau = TauKind::leading})); });
  const std::vector<std::int64_t> tau = {99, 999};
  expect_error(ErrorCode::user, "clean image", [&] { make_encoding(make_plan(schedule, tau)); });
}

}  // namespace
}  // namespace ddim::engine::diffusion
