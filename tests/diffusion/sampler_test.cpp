#include "diffusion/sampler.h"

#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <limits>

#include "backend/ref/ref_backend.h"
#include "diffusion/tau.h"
#include "diffusion/trajectory.h"
#include "tests/support/expect_error.h"

namespace ddim::engine::diffusion {
namespace {

using test::expect_error;

class DiffusionSampler : public testing::Test {
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
  /// The denoiser with what ddpm-learned wants behind its answer: v in [-1, 1] of every kind.
  static Denoiser for_sampler(Sampler sampler, const Denoiser& denoiser) {
    if (sampler != Sampler::ddpm_learned) return denoiser;
    return [denoiser](const Tensor& x, double t) {
      return with_variance(denoiser(x, t),
                           [](std::int64_t i) { return std::sin(static_cast<double>(i % 32)); });
    };
  }
  static Tensor with_variance(const Tensor& eps, const std::function<double(std::int64_t)>& v) {
    const std::int64_t channels = eps.dim(3);
    Tensor both(eps.device(), eps.shape().with(3, 2 * channels), eps.dtype());
    const auto fill = [&]<class T>(T* out, const T* in) {
      for (std::int64_t i = 0; i < eps.size(); ++i) {
        const std::int64_t at = i / channels * 2 * channels + i % channels;
        out[at] = in[i];
        out[at + channels] = static_cast<T>(v(i));
      }
    };
    if (eps.dtype() == DType::f64) {
      fill(both.data<double>(), eps.data<double>());
    } else {
      fill(both.data<float>(), eps.data<float>());
    }
    return both;
  }
};

TEST_F(DiffusionSampler, AnOracleRecoversTheImageInAnyNumberOfSteps) {
  const Tensor x0 = normal(1, 0, shape, DType::f64);
  const Denoiser oracle = [&](const Tensor& x, double t) {
    const double alpha_bar = schedule.alpha_bar_at(t);
    Tensor eps = empty_like(x);
    for (std::int64_t i = 0; i < x.size(); ++i)
      eps.data<double>()[i] = (x.data<double>()[i] - std::sqrt(alpha_bar) * x0.data<double>()[i]) /
                              std::sqrt(1.0 - alpha_bar);
    return eps;
  };
  const Eta rules[] = {0.0, 0.5, 1.0, SigmaHat{}};
  for (const Eta& rule : rules) {
    for (const std::int64_t S : {1, 10, 50}) {
      const Tensor found = sample(plan_of(S, {.eta = rule}), oracle,
                                  normal(2, 0, shape, DType::f64), DrawnNoise{.seed = 3});
      for (std::int64_t i = 0; i < x0.size(); ++i)
        ASSERT_NEAR(found.data<double>()[i], x0.data<double>()[i], 1e-11) << "S " << S;
    }
  }
}

TEST_F(DiffusionSampler, AnImageDependsOnItsIndexAndNotOnItsBatch) {
  const Plan plan = plan_of(7, {.eta = 0.8});
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

// Noise at a real t: another lane, so that it shares no number with that of a whole t.
TEST_F(DiffusionSampler, NoiseKeysOfRealTimes) {
  EXPECT_EQ(step_noise_key(7, 12.0).step, 12U);
  EXPECT_EQ(step_noise_key(7, 12.0).lane, 0U);
  EXPECT_EQ(step_noise_key(7, 12.5).step, 12U);
  EXPECT_EQ(step_noise_key(7, 12.5).lane, 1U << 23);
  EXPECT_LT(step_noise_key(7, std::nextafter(13.0, 0.0)).lane, 1U << 24);
  const std::vector<double> tau = {10.0, 10.5, 900.25};
  const Plan plan = make_plan(schedule, Prediction::eps, {.tau = tau, .eta = 1.0});
  const auto draw = [&](std::uint32_t first, std::int64_t count) {
    return to_host(sample(plan, mixing_denoiser, normal(5, first, shape.with(0, count)),
                          DrawnNoise{.seed = 5, .first_image = first}));
  };
  std::vector<float> parts = draw(3, 1);
  const std::vector<float> rest = draw(4, 1);
  parts.insert(parts.end(), rest.begin(), rest.end());
  EXPECT_EQ(draw(3, 2), parts);
}

// The determinism contract holds for samplers with memory and with steps of their own.
TEST_F(DiffusionSampler, NoSamplerMixesImages) {
  for (const Named<Sampler>& named : Names<Sampler>::all()) {
    const Sampler sampler = named.value;
    for (const Clip& clip :
         {Clip{}, Clip{.bound = Clip::Bound::quantile, .eps = Clip::EpsRule::rederive}}) {
      const Plan plan = plan_of(7, {.clip = clip, .sampler = sampler});
      const auto draw = [&](std::uint32_t first, std::int64_t count) {
        return to_host(sample(plan, for_sampler(sampler, mixing_denoiser),
                              normal(5, first, shape.with(0, count)),
                              DrawnNoise{.seed = 5, .first_image = first}));
      };
      const std::vector<float> all = draw(10, 3);
      std::vector<float> parts = draw(10, 1);
      const std::vector<float> rest = draw(11, 2);
      parts.insert(parts.end(), rest.begin(), rest.end());
      EXPECT_EQ(all, parts) << to_string(sampler) << " " << to_string(clip);
    }
  }
}

TEST_F(DiffusionSampler, EverySamplerRecoversWhatAnOracleKnows) {
  const Tensor x0 = normal(1, 0, shape, DType::f64);
  const Denoiser oracle = [&](const Tensor& x, double t) {
    const double alpha_bar = schedule.alpha_bar_at(t);
    Tensor eps = empty_like(x);
    for (std::int64_t i = 0; i < x.size(); ++i)
      eps.data<double>()[i] =
          (x.data<double>()[i] - std::sqrt(alpha_bar) * x0.data<double>()[i % x0.size()]) /
          std::sqrt(1.0 - alpha_bar);
    return eps;
  };
  for (const Named<Sampler>& named : Names<Sampler>::all()) {
    const Sampler sampler = named.value;
    if (sampler == Sampler::euler_t) continue;  // eq. 15 ends short of the clean image
    for (const std::int64_t S : {1, 2, 3, 4, 10, 50}) {
      const Tensor x_T = normal(2, 0, shape, DType::f64).slice(0, 1);
      const Tensor found =
          sample(plan_of(S, {.sampler = sampler}), for_sampler(sampler, oracle), x_T, DrawnNoise{});
      for (std::int64_t i = 0; i < found.size(); ++i)
        ASSERT_NEAR(found.data<double>()[i], x0.data<double>()[i], 1e-9)
            << to_string(sampler) << " S " << S;
    }
  }
}

// Nichol and Dhariwal 2021, eq. 15: v = 1 is beta, v = -1 beta-tilde.
TEST_F(DiffusionSampler, ALearnedVarianceLiesBetweenTheFixedOnes) {
  const auto draw = [&](Sampler sampler, double v) {
    Denoiser denoiser = mixing_denoiser;
    if (sampler == Sampler::ddpm_learned) {
      denoiser = [v](const Tensor& x, double t) {
        return with_variance(mixing_denoiser(x, t), [v](std::int64_t) { return v; });
      };
    }
    return to_host(sample(plan_of(6, {.sampler = sampler}), denoiser, normal(5, 0, shape),
                          DrawnNoise{.seed = 5}));
  };
  const auto distance = [](const std::vector<float>& a, const std::vector<float>& b) {
    double largest = 0.0;
    for (std::size_t i = 0; i < a.size(); ++i)
      largest = std::max(largest, std::abs(static_cast<double>(a[i]) - b[i]));
    return largest;
  };
  EXPECT_LT(distance(draw(Sampler::ddpm_learned, 1.0), draw(Sampler::ddpm_large, 0.0)), 1e-4);
  EXPECT_LT(distance(draw(Sampler::ddpm_learned, -1.0), draw(Sampler::ddpm_small, 0.0)), 1e-4);
  EXPECT_GT(distance(draw(Sampler::ddpm_learned, 0.0), draw(Sampler::ddpm_large, 0.0)), 1e-3);
}

// DDPMScheduler._get_variance() of diffusers 0.42 with variance_type "learned_range", alphas in
// double, ten steps: exp(log variance / 2).
TEST_F(DiffusionSampler, LearnedDeviationsAreThoseOfDiffusers) {
  const double v[] = {-1.0, -0.3, 0.25, 1.0, 1.5};
  const std::pair<double, std::vector<double>> expected[] = {
      {900,
       {0.9053839367902214, 0.9055801692900203, 0.9057343818050102, 0.9059447139206032,
        0.906084962465798}},
      {500,
       {0.7231963492714134, 0.7403752926784208, 0.7541588265808811, 0.7733690259912667,
        0.7864469120769846}},
      {100,
       {0.009995730326829237, 0.03376137315653716, 0.08785228281095017, 0.32368022181014183,
        0.7721320346527815}}};
  const Plan plan =
      make_plan(schedule, Prediction::eps,
                {.steps = 10, .tau = TauKind::leading, .sampler = Sampler::ddpm_learned});
  EXPECT_FALSE(plan.steps.back().learned_variance);
  EXPECT_EQ(plan.steps.back().sigma, 0.0);
  for (const auto& [t, deviations] : expected) {
    const PlanStep& step = plan.steps[static_cast<std::size_t>(9 - t / 100)];
    ASSERT_EQ(step.t, t);
    for (std::size_t i = 0; i < std::size(v); ++i) {
      Tensor z(device, {1, 1}, DType::f64), of_v(device, {1, 1}, DType::f64);
      z.data<double>()[0] = -2.0;
      of_v.data<double>()[0] = v[i];
      device.kernels().scale_by_learned_deviation(*step.learned_variance, of_v, z);
      EXPECT_NEAR(z.data<double>()[0], -2.0 * deviations[i], 1e-9) << t << " " << v[i];
    }
  }
}

TEST_F(DiffusionSampler, ALearnedVarianceHasItsChannels) {
  const Plan plan = plan_of(3, {.sampler = Sampler::ddpm_learned});
  expect_error(ErrorCode::user, "the denoiser returned [3,4,4,2] for [3,4,4,2]",
               [&] { sample(plan, mixing_denoiser, normal(1, 0, shape), DrawnNoise{}); });
}

// Two ways of computing one thing, of which no line is shared: eq. 12 in x, and Euler's ancestral
// method in y over noise levels.
TEST_F(DiffusionSampler, DdimIsEulerAncestral) {
  const Tensor x_T = normal(2, 0, shape, DType::f64);
  const Denoiser denoiser = [](const Tensor& x, double t) {
    Tensor eps = empty_like(x);
    for (std::int64_t i = 0; i < x.size(); ++i)
      eps.data<double>()[i] = std::tanh(x.data<double>()[i] + t / 1000.0);
    return eps;
  };
  for (const double eta : {0.0, 0.4, 1.0}) {
    for (const Clip& clip :
         {Clip{}, Clip{.bound = Clip::Bound::range, .eps = Clip::EpsRule::rederive}}) {
      const auto draw = [&](Sampler sampler) {
        return sample(plan_of(50, {.eta = eta, .clip = clip, .sampler = sampler}), denoiser, x_T,
                      DrawnNoise{.seed = 4});
      };
      const Tensor ddim = draw(Sampler::ddim), euler = draw(Sampler::euler);
      for (std::int64_t i = 0; i < ddim.size(); ++i)
        ASSERT_NEAR(euler.data<double>()[i], ddim.data<double>()[i], 1e-12) << eta;
    }
  }
}

// The posterior of Ho et al. is eta = 1; with its larger variance it is sigma-hat, whose eps is
// derived from the clipped x_0.
TEST_F(DiffusionSampler, DdpmIsEtaOneAndSigmaHat) {
  const Tensor x_T = normal(2, 0, shape);
  const auto draw = [&](const PlanOptions& options) {
    return to_host(sample(plan_of(20, options), mixing_denoiser, x_T, DrawnNoise{.seed = 4}));
  };
  const auto expect_near = [](const std::vector<float>& a, const std::vector<float>& b) {
    for (std::size_t i = 0; i < a.size(); ++i)
      ASSERT_NEAR(a[i], b[i], 1e-5F * std::max(1.0F, std::abs(b[i])));
  };
  expect_near(draw({.sampler = Sampler::ddpm_small}), draw({.eta = 1.0}));
  expect_near(draw({.clip = {.bound = Clip::Bound::range}, .sampler = Sampler::ddpm_large}),
              draw({.eta = SigmaHat{},
                    .clip = {.bound = Clip::Bound::range, .eps = Clip::EpsRule::rederive}}));
}

// The stream of z is part of the determinism contract: seed, step_noise, t, image.
TEST_F(DiffusionSampler, DrawnNoiseIsTheDocumentedStream) {
  for (const PlanOptions& options : {PlanOptions{.eta = 1.0}, {.sampler = Sampler::ddpm_learned}}) {
    const Plan plan = plan_of(5, options);
    const Denoiser denoiser = for_sampler(options.sampler, mixing_denoiser);
    std::vector<Tensor> z;
    for (const PlanStep& step : plan.steps) {
      Tensor& noise = z.emplace_back(device, shape);
      const std::int64_t image_size = noise.size() / noise.dim(0);
      for (std::int64_t image = 0; image < noise.dim(0); ++image)
        fill_normal({.seed = 11,
                     .purpose = Purpose::step_noise,
                     .step = static_cast<std::uint32_t>(step.t)},
                    static_cast<std::uint32_t>(20 + image),
                    noise.values<float>().subspan(static_cast<std::size_t>(image * image_size),
                                                  static_cast<std::size_t>(image_size)));
    }
    z.back() = Tensor();  // sigma is 0 there, so nobody asks for it
    const Tensor x_T = normal(5, 0, shape);
    const std::vector<float> drawn =
        to_host(sample(plan, denoiser, x_T, DrawnNoise{.seed = 11, .first_image = 20}));
    EXPECT_EQ(to_host(sample(plan, denoiser, x_T, GivenNoise{z})), drawn);
    // The noise that was given is the caller's and is as it was.
    EXPECT_EQ(to_host(sample(plan, denoiser, x_T, GivenNoise{z})), drawn);
  }
}

TEST_F(DiffusionSampler, LeavesTheInitialStateAlone) {
  const Tensor x_T = normal(5, 0, shape);
  const std::vector<float> before = to_host(x_T);
  const Tensor x_0 = sample(plan_of(3), mixing_denoiser, x_T, DrawnNoise{});
  EXPECT_EQ(to_host(x_T), before);
  EXPECT_NE(to_host(x_0), before);
}

TEST_F(DiffusionSampler, ObserverSeesEveryStateAndPrediction) {
  const Plan plan = plan_of(4);
  const Tensor x_T = normal(5, 0, shape);
  std::vector<float> x = to_host(x_T);
  std::size_t num_calls = 0;
  const Tensor x_0 = sample(plan, mixing_denoiser, x_T, DrawnNoise{}, [&](const StepReport& seen) {
    EXPECT_EQ(seen.index, num_calls++);
    EXPECT_EQ(&seen.step, &plan.steps[seen.index]);
    const double alpha_bar = seen.step.alpha_bar;
    const Tensor before = from_host(device, shape, x);
    const auto eps = to_host(mixing_denoiser(before, seen.step.t));
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

TEST_F(DiffusionSampler, ObserverCanStop) {
  int num_calls = 0;
  const auto stop_after_two = [&](const StepReport&) {
    return ++num_calls == 2 ? Flow::stop : Flow::proceed;
  };
  expect_error(ErrorCode::interrupted, "stopped after step 2 of 5 (t = 799)", [&] {
    sample(plan_of(5), mixing_denoiser, normal(5, 0, shape), DrawnNoise{}, stop_after_two);
  });
  EXPECT_EQ(num_calls, 2);
}

TEST_F(DiffusionSampler, NamesTheStepOfANan) {
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

TEST_F(DiffusionSampler, FindsAnOverflowInTheLastStep) {
  const Denoiser huge = [&](const Tensor& x, double) {
    Tensor eps = empty_like(x);
    x.device().kernels().fill(3e38, eps);
    return eps;
  };
  expect_error(ErrorCode::numeric, "after the last step",
               [&] { sample(plan_of(1), huge, normal(5, 0, shape), DrawnNoise{}); });
}

// Of the adaptive sampler too, whose last step calls twice at its t: after a step, and to leave.
TEST_F(DiffusionSampler, FindsAnOverflowInTheLastAdaptiveStep) {
  const std::vector<double> tau = {500, 999};
  const Plan plan = make_plan(schedule, Prediction::eps, make_trajectory(schedule, tau),
                              {.sampler = Sampler::adaptive});
  double before = 0.0;
  const Denoiser denoiser = [&](const Tensor& x, double t) {
    Tensor eps = empty_like(x);
    x.device().kernels().fill(t == 500.0 && before == 500.0 ? 3e38 : 0.1, eps);
    before = t;
    return eps;
  };
  expect_error(ErrorCode::numeric, "after the last step",
               [&] { sample(plan, denoiser, normal(5, 0, shape), DrawnNoise{}); });
}

TEST_F(DiffusionSampler, RefusesNoiseThatDoesNotFit) {
  const Plan plan = plan_of(3, {.eta = 1.0});
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

TEST_F(DiffusionSampler, AsksTheSystemForNoMemoryInsideAStep) {
  const Shape large{2, 128, 128, 8};  // one tensor is an arena chunk of its own
  std::vector<std::int64_t> allocations;
  sample(plan_of(4, {.eta = 1.0}), mixing_denoiser, normal(5, 0, large), DrawnNoise{},
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

struct DiffusersLoop {
  const char* name;
  double sum;  // of |x|, as diffusers computes it in float
  PlanOptions options = {};
  ForwardProcess process = {};
  float scale = 1.0F;  // of the sample
};

constexpr Clip kKeepEps{.bound = Clip::Bound::range};
constexpr Clip kThreshold{.bound = Clip::Bound::quantile, .quantile = 0.9, .max = 2};
constexpr Clip kThresholdRederived{
    .bound = Clip::Bound::quantile, .eps = Clip::EpsRule::rederive, .quantile = 0.9, .max = 2};
constexpr Clip kHalf{.bound = Clip::Bound::range, .range = 0.5};
constexpr Clip kHalfRederived{
    .bound = Clip::Bound::range, .eps = Clip::EpsRule::rederive, .range = 0.5};

/// Ten steps of diffusers, clipped.
PlanOptions leading(const Clip& clip = kKeepEps) {
  return {.steps = 10, .tau = TauKind::diffusers_leading, .clip = clip};
}
PlanOptions trailing(std::int64_t steps, Sampler sampler) {
  return {.steps = steps, .tau = TauKind::trailing, .sampler = sampler};
}
const ForwardProcess kFromOneHundredth{.beta_start = 0.01};
const ForwardProcess kV{.prediction = Prediction::v};

// The first four are published in diffusers' tests; the others were computed with its 0.42.1.
const DiffusersLoop kLoops[] = {
    {.name = "full_loop", .sum = 172.0067, .options = leading()},
    {.name = "v", .sum = 52.5302, .options = leading(), .process = kV},
    {.name = "alpha_to_one", .sum = 149.8295, .options = leading(), .process = kFromOneHundredth},
    {.name = "alpha_not_to_one",
     .sum = 149.0784,
     .options = {.steps = 10,
                 .tau = TauKind::diffusers_leading,
                 .clip = kKeepEps,
                 .final_alpha = FinalAlpha::first},
     .process = kFromOneHundredth},
    {.name = "scaled_linear",
     .sum = 178.98132,
     .options = leading(),
     .process = {.schedule = BetaKind::scaled_linear}},
    {.name = "cosine",
     .sum = 181.36781,
     .options = leading(),
     .process = {.schedule = BetaKind::cosine}},
    {.name = "zero_terminal_snr",
     .sum = 50.55741,
     .options = {.steps = 10, .tau = TauKind::diffusers_trailing, .clip = kKeepEps},
     .process = {.terminal_snr = TerminalSnr::zero, .prediction = Prediction::v}},
    {.name = "trailing_300",
     .sum = 210.06815,
     .options = {.steps = 300, .tau = TauKind::diffusers_trailing, .clip = kKeepEps}},
    {.name = "linspace_7",
     .sum = 193.13611,
     .options = {.steps = 7, .tau = TauKind::diffusers_linspace, .clip = kKeepEps}},
    {.name = "steps_offset",
     .sum = 145.43311,
     .options =
         {.steps = 5, .tau = TauKind::diffusers_leading, .clip = kKeepEps, .steps_offset = 1}},
    {.name = "threshold", .sum = 423.25916, .options = leading(kThreshold), .scale = 4},
    {.name = "threshold_rederived",
     .sum = 423.17999,
     .options = leading(kThresholdRederived),
     .scale = 4},
    {.name = "clip", .sum = 553.46173, .options = leading(), .scale = 4},
    {.name = "clip_v", .sum = 276.84695, .options = leading(kHalf), .process = kV, .scale = 4},
    {.name = "clip_v_rederived",
     .sum = 248.75395,
     .options = leading(kHalfRederived),
     .process = kV,
     .scale = 4},
    {.name = "dpmpp_2m", .sum = 185.26485, .options = trailing(10, Sampler::dpmpp_2m)},
    {.name = "dpmpp_2m_20", .sum = 194.82938, .options = trailing(20, Sampler::dpmpp_2m)},
    {.name = "unipc", .sum = 187.02293, .options = trailing(10, Sampler::unipc)},
    {.name = "unipc_20", .sum = 194.53566, .options = trailing(20, Sampler::unipc)},
};

TEST_F(DiffusionSampler, FullLoopsOfDiffusers) {
  for (const DiffusersLoop& loop : kLoops) {
    std::vector<float> values = diffusers_sample(false);
    for (float& value : values) value *= loop.scale;
    const Plan plan = make_plan(make_schedule(loop.process), loop.process.prediction, loop.options);
    const Tensor x_T = from_host(device, {4, 3, 8, 8}, values);
    const Sums sums = absolute_sums(sample(plan, diffusers_model, x_T, DrawnNoise{}));
    EXPECT_NEAR(sums.sum, loop.sum, 2e-3) << loop.name;
    EXPECT_NEAR(sums.mean, loop.sum / 768.0, 3e-6) << loop.name;
  }
}

TEST_F(DiffusionSampler, FullLoopOfDiffusersFromTheMiddle) {
  const std::vector<std::int64_t> tau = {0, 100};
  const Tensor clean = from_host(device, {4, 3, 8, 8}, diffusers_sample(false));
  const Tensor noise = from_host(device, {4, 3, 8, 8}, diffusers_sample(true));
  Tensor x = empty_like(clean);
  const std::vector<double> a(4, std::sqrt(schedule.alpha_bar(100)));
  const std::vector<double> b(4, std::sqrt(1.0 - schedule.alpha_bar(100)));
  device.kernels().mix_per_image(a, clean, b, noise, x);
  const Plan plan = make_plan(schedule, tau, {.clip = {.bound = Clip::Bound::range}});
  const Sums sums = absolute_sums(sample(plan, diffusers_model, x, DrawnNoise{}));
  EXPECT_NEAR(sums.sum, 354.5418, 1e-3);
  EXPECT_NEAR(sums.mean, 0.4616, 5e-5);
}

}  // namespace
}  // namespace ddim::engine::diffusion
