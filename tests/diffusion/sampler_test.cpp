#include "diffusion/sampler.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "backend/ref/ref_backend.h"
#include "diffusion/tau.h"
#include "tests/diffusion/expect_error.h"

namespace ddim::diffusion {
namespace {

class Sampler : public testing::Test {
 protected:
  const Schedule schedule = Schedule::linear();
  const Device device{make_ref_backend()};
  const Shape shape{3, 4, 4, 2};

  Plan plan_of(std::int64_t S, const PlanOptions& options = {}) const {
    return make_plan(schedule, make_tau(TauKind::linear, S, 1000).steps, options);
  }
  Tensor normal(std::uint64_t seed, std::uint32_t first_image, const Shape& of,
                DType dtype = DType::f32) const {
    Tensor x(device, of, dtype);  // [N,H,W,C]
    draw_initial_state(seed, first_image, x);
    return x;
  }
  /// Something that depends on the whole image and on t, as a network does.
  static Tensor mixing_denoiser(const Tensor& x, double t) {
    Tensor eps = empty_like(x);
    const std::int64_t image_size = x.size() / x.dim(0);
    for (std::int64_t i = 0; i < x.size(); ++i) {
      const std::int64_t image = i / image_size;
      const std::int64_t neighbour = image * image_size + (i + 1) % image_size;
      eps.data<float>()[i] = static_cast<float>(
          std::tanh(x.data<float>()[i] + 0.1F * x.data<float>()[neighbour] + t / 1000.0));
    }
    return eps;
  }
};

TEST_F(Sampler, AnOracleRecoversTheImageInAnyNumberOfSteps) {
  const Tensor x0 = normal(1, 0, shape, DType::f64);
  const Denoiser oracle = [&](const Tensor& x, double t) {
    const double alpha_bar = schedule.alpha_bar(static_cast<std::int64_t>(t));
    Tensor eps = empty_like(x);
    for (std::int64_t i = 0; i < x.size(); ++i)
      eps.data<double>()[i] = (x.data<double>()[i] - std::sqrt(alpha_bar) * x0.data<double>()[i]) /
                              std::sqrt(1.0 - alpha_bar);
    return eps;
  };
  const NoiseRule rules[] = {EtaNoise{0.0}, EtaNoise{0.5}, EtaNoise{1.0}, SigmaHatNoise{}};
  for (const NoiseRule& rule : rules) {
    for (const std::int64_t S : {1, 10, 50}) {
      const Tensor found = sample(plan_of(S, {.noise = rule}), oracle,
                                  normal(2, 0, shape, DType::f64), DrawnNoise{.seed = 3});
      for (std::int64_t i = 0; i < x0.size(); ++i)
        ASSERT_NEAR(found.data<double>()[i], x0.data<double>()[i], 1e-11) << "S " << S;
    }
  }
}

TEST_F(Sampler, AnImageDependsOnItsIndexAndNotOnItsBatch) {
  const Plan plan = plan_of(7, {.noise = EtaNoise{0.8}});
  const auto draw = [&](std::uint32_t first, std::int64_t count) {
    return to_host(sample(plan, mixing_denoiser, normal(5, first, shape.with(0, count)),
                          DrawnNoise{.seed = 5, .first_image = first}));
  };
  const std::vector<float> all = draw(10, 3);
  std::vector<float> parts = draw(10, 1);
  const std::vector<float> rest = draw(11, 2);
  parts.insert(parts.end(), rest.begin(), rest.end());
  EXPECT_EQ(all, parts);
  EXPECT_NE(all, draw(11, 3));
}

// The stream of z is part of the determinism contract: seed, step_noise, t, image.
TEST_F(Sampler, DrawnNoiseIsTheDocumentedStream) {
  const Plan plan = plan_of(5, {.noise = EtaNoise{1.0}});
  std::vector<Tensor> z;
  for (const Step& step : plan.steps) {
    Tensor& noise = z.emplace_back(device, shape);
    const std::int64_t image_size = noise.size() / noise.dim(0);
    for (std::int64_t image = 0; image < noise.dim(0); ++image)
      fill_normal(
          {.seed = 11, .purpose = Purpose::step_noise, .step = static_cast<std::uint32_t>(step.t)},
          static_cast<std::uint32_t>(20 + image),
          noise.values<float>().subspan(static_cast<std::size_t>(image * image_size),
                                        static_cast<std::size_t>(image_size)));
  }
  z.back() = Tensor();  // sigma is 0 there, so nobody asks for it
  const Tensor x_T = normal(5, 0, shape);
  EXPECT_EQ(to_host(sample(plan, mixing_denoiser, x_T, GivenNoise{z})),
            to_host(sample(plan, mixing_denoiser, x_T, DrawnNoise{.seed = 11, .first_image = 20})));
}

TEST_F(Sampler, LeavesTheInitialStateAlone) {
  const Tensor x_T = normal(5, 0, shape);
  const std::vector<float> before = to_host(x_T);
  const Tensor x_0 = sample(plan_of(3), mixing_denoiser, x_T, DrawnNoise{});
  EXPECT_EQ(to_host(x_T), before);
  EXPECT_NE(to_host(x_0), before);
}

TEST_F(Sampler, ObserverSeesEveryStateAndPrediction) {
  const Plan plan = plan_of(4);
  const Tensor x_T = normal(5, 0, shape);
  std::vector<float> x = to_host(x_T);
  std::size_t num_calls = 0;
  const Tensor x_0 = sample(plan, mixing_denoiser, x_T, DrawnNoise{}, [&](const StepReport& seen) {
    EXPECT_EQ(seen.index, num_calls++);
    EXPECT_EQ(&seen.step, &plan.steps[seen.index]);
    const double alpha_bar = seen.step.alpha_bar;
    const Tensor before = from_host(device, shape, x);
    const auto eps = to_host(mixing_denoiser(before, static_cast<double>(seen.step.t)));
    const auto x0_pred = to_host(seen.x0_pred);
    for (std::size_t i = 0; i < x.size(); ++i) {
      const double expected = (x[i] - std::sqrt(1.0 - alpha_bar) * eps[i]) / std::sqrt(alpha_bar);
      EXPECT_NEAR(x0_pred[i], expected, 1e-5 * std::max(1.0, std::abs(expected)));
    }
    x = to_host(seen.x_prev);
    return Flow::proceed;
  });
  EXPECT_EQ(num_calls, 4);
  EXPECT_EQ(x, to_host(x_0));
}

TEST_F(Sampler, ObserverCanStop) {
  int num_calls = 0;
  const auto stop_after_two = [&](const StepReport&) {
    return ++num_calls == 2 ? Flow::stop : Flow::proceed;
  };
  expect_error(ErrorCode::interrupted, "stopped after step 2 of 5 (t = 799)", [&] {
    sample(plan_of(5), mixing_denoiser, normal(5, 0, shape), DrawnNoise{}, stop_after_two);
  });
  EXPECT_EQ(num_calls, 2);
}

TEST_F(Sampler, NamesTheStepOfANan) {
  for (const float bad :
       {std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity()}) {
    const Denoiser denoiser = [&](const Tensor& x, double t) {
      Tensor eps = mixing_denoiser(x, t);
      if (t == 599.0) eps.data<float>()[17] = bad;
      return eps;
    };
    expect_error(ErrorCode::numeric, "step 3 of 5 (t = 599) holds NaN",
                 [&] { sample(plan_of(5), denoiser, normal(5, 0, shape), DrawnNoise{}); });
  }
}

TEST_F(Sampler, FindsAnOverflowInTheLastStep) {
  const Denoiser huge = [&](const Tensor& x, double) {
    Tensor eps = empty_like(x);
    x.device().kernels().fill(3e38, eps);
    return eps;
  };
  expect_error(ErrorCode::numeric, "after the last step",
               [&] { sample(plan_of(1), huge, normal(5, 0, shape), DrawnNoise{}); });
}

TEST_F(Sampler, RefusesNoiseThatDoesNotFit) {
  const Plan plan = plan_of(3, {.noise = EtaNoise{1.0}});
  const Tensor x_T = normal(5, 0, shape);
  std::vector<Tensor> z(2, x_T);
  expect_error(ErrorCode::user, "noise for 2 steps; the plan has 3",
               [&] { sample(plan, mixing_denoiser, x_T, GivenNoise{z}); });
  z = {x_T, x_T.slice(0, 2), x_T};
  expect_error(ErrorCode::user, "noise of step 1 has shape [2,4,4,2]",
               [&] { sample(plan, mixing_denoiser, x_T, GivenNoise{z}); });
  z[1] = Tensor();
  expect_error(ErrorCode::user, "noise of step 1 is missing",
               [&] { sample(plan, mixing_denoiser, x_T, GivenNoise{z}); });
  expect_error(ErrorCode::user, "the denoiser returned [2,4,4,2]", [&] {
    sample(
        plan, [](const Tensor& x, double) { return x.slice(0, 2); }, x_T, DrawnNoise{});
  });
}

TEST_F(Sampler, AsksTheSystemForNoMemoryInsideAStep) {
  const Shape large{2, 128, 128, 8};  // one tensor is an arena chunk of its own
  std::vector<std::int64_t> allocations;
  sample(plan_of(4, {.noise = EtaNoise{1.0}}), mixing_denoiser, normal(5, 0, large), DrawnNoise{},
         [&](const StepReport&) {
           allocations.push_back(device.arena().num_system_allocations());
           return Flow::proceed;
         });
  EXPECT_EQ(allocations, std::vector<std::int64_t>(4, allocations.front()));
}

// ---- diffusers' tests/schedulers/test_scheduler_ddim.py, whose numbers paper.md A.7 lists ----

struct Sums {
  double sum, mean;
};

Sums absolute_sums(const Tensor& x) {
  double sum = 0.0;
  for (const float value : to_host(x)) sum += std::abs(value);
  return {sum, sum / static_cast<double>(x.size())};
}

/// arange(768) / 768 as (3,8,8,4), permuted to (4,3,8,8); or counted backwards.
std::vector<float> diffusers_sample(bool backwards) {
  std::vector<float> values;
  for (int n = 0; n < 4; ++n) {
    for (int chw = 0; chw < 192; ++chw) {
      const int i = 4 * chw + n;
      values.push_back(static_cast<float>(backwards ? 767 - i : i) / 768.0F);
    }
  }
  return values;
}

Tensor diffusers_model(const Tensor& x, double t) {
  Tensor eps = empty_like(x);
  for (std::int64_t i = 0; i < x.size(); ++i)
    eps.data<float>()[i] = static_cast<float>(x.data<float>()[i] * t / (t + 1.0));
  return eps;
}

TEST_F(Sampler, FullLoopOfDiffusers) {
  const auto tau = make_tau(TauKind::linear_code, 10, 1000).steps;
  const Tensor x_T = from_host(device, {4, 3, 8, 8}, diffusers_sample(false));
  const auto loop = [&](double beta_start) {
    const Plan plan = make_plan(Schedule::linear(beta_start), tau, {.clip = Clip::keep_eps});
    return absolute_sums(sample(plan, diffusers_model, x_T, DrawnNoise{}));
  };
  EXPECT_NEAR(loop(1e-4).sum, 172.0067, 1e-3);
  EXPECT_NEAR(loop(1e-4).mean, 0.223967, 1e-6);
  EXPECT_NEAR(loop(0.01).sum, 149.8295, 1e-3);
  EXPECT_NEAR(loop(0.01).mean, 0.1951, 5e-5);
}

TEST_F(Sampler, FullLoopOfDiffusersFromTheMiddle) {
  const std::vector<std::int64_t> tau = {0, 100};
  const Tensor clean = from_host(device, {4, 3, 8, 8}, diffusers_sample(false));
  const Tensor noise = from_host(device, {4, 3, 8, 8}, diffusers_sample(true));
  Tensor x = empty_like(clean);
  const std::vector<double> a(4, std::sqrt(schedule.alpha_bar(100)));
  const std::vector<double> b(4, std::sqrt(1.0 - schedule.alpha_bar(100)));
  device.kernels().mix_per_image(a, clean, b, noise, x);
  const Plan plan = make_plan(schedule, tau, {.clip = Clip::keep_eps});
  const Sums sums = absolute_sums(sample(plan, diffusers_model, x, DrawnNoise{}));
  EXPECT_NEAR(sums.sum, 354.5418, 1e-3);
  EXPECT_NEAR(sums.mean, 0.4616, 5e-5);
}

}  // namespace
}  // namespace ddim::diffusion
