#include "diffusion/plan.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "diffusion/sigma.h"
#include "diffusion/tau.h"
#include "tests/support/expect_error.h"

namespace ddim::engine::diffusion {
namespace {

using test::expect_error;

constexpr double kTolerance = 1e-12;

const Schedule& schedule() {
  static const Schedule linear = Schedule::linear();
  return linear;
}

Plan plan_of(TauKind kind, std::int64_t S, const PlanOptions& options = {}) {
  return make_plan(schedule(), make_tau(kind, S, schedule().num_steps()).steps, options);
}

/// Ho et al. 2020, eq. 6 and 7, for one step: mean = from_x0 x_0 + from_x x_t.
struct Posterior {
  double from_x0, from_x, variance;
};
Posterior ddpm_posterior(const PlanStep& step) {
  const double alpha = step.alpha_bar / step.alpha_bar_prev;
  const double beta = 1.0 - alpha;
  return {.from_x0 = std::sqrt(step.alpha_bar_prev) * beta / (1.0 - step.alpha_bar),
          .from_x = std::sqrt(alpha) * (1.0 - step.alpha_bar_prev) / (1.0 - step.alpha_bar),
          .variance = (1.0 - step.alpha_bar_prev) / (1.0 - step.alpha_bar) * beta};
}

/// The same mean of our update, with eps = (x_t - sqrt(alpha_bar) x_0) / sqrt(1 - alpha_bar).
Posterior mean_in_x0_and_x(const PlanStep& step) {
  const double from_x = step.update.prev_from_eps / std::sqrt(1.0 - step.alpha_bar);
  return {.from_x0 = step.update.prev_from_x0 - from_x * std::sqrt(step.alpha_bar),
          .from_x = from_x,
          .variance = step.sigma * step.sigma};
}

TEST(Plan, GoesDownTheListAndEndsAtTheCleanImage) {
  const Plan plan = plan_of(TauKind::quadratic, 10);
  const auto tau = make_tau(TauKind::quadratic, 10, 1000).steps;
  EXPECT_EQ(plan.nfe, 10);
  for (std::size_t i = 0; i < tau.size(); ++i) {
    const PlanStep& step = plan.steps[i];
    EXPECT_EQ(step.t, tau[tau.size() - 1 - i]);
    EXPECT_EQ(step.t_prev, i + 1 < tau.size() ? tau[tau.size() - 2 - i] : -1);
    EXPECT_EQ(step.alpha_bar, schedule().alpha_bar_at(step.t));
    EXPECT_EQ(step.update.prev_from_noise, step.sigma);
  }
  // DDIM's last step lands on the predicted x_0.
  EXPECT_EQ(plan.steps.back().update.prev_from_x0, 1.0);
  EXPECT_EQ(plan.steps.back().update.prev_from_eps, 0.0);
}

TEST(Plan, SigmaListsOfThePaper) {
  struct Case {
    TauKind kind;
    std::vector<double> eta1, hat;  // in the order of tau
  };
  const Case cases[] = {{TauKind::quadratic_code,
                         {0, .0097, .0414, .1231, .2419, .3908, .5597, .7284, .8670, .9476},
                         {.0100, .0424, .1323, .2553, .4053, .5527, .6975, .8141, .9021, .9551}},
                        {TauKind::linear_code,
                         {0, .0100, .2853, .4761, .6183, .7232, .7971, .8471, .8811, .9054},
                         {.0100, .3237, .5165, .6322, .7132, .7734, .8194, .8552, .8835, .9059}}};
  for (const Case& expected : cases) {
    const Plan eta1 = plan_of(expected.kind, 10, {.eta = 1.0});
    const Plan hat = plan_of(expected.kind, 10, {.eta = SigmaHat{}});
    for (std::size_t i = 0; i < 10; ++i) {
      const PlanStep& step = eta1.steps[9 - i];
      EXPECT_NEAR(step.sigma, expected.eta1[i], 5.1e-5) << "t " << step.t;
      EXPECT_NEAR(sigma_hat(step.alpha_bar, step.alpha_bar_prev), expected.hat[i], 5.1e-5);
      EXPECT_NEAR(hat.steps[9 - i].sigma, i == 0 ? 0.0 : expected.hat[i], 5.1e-5);
    }
  }
}

TEST(Plan, VariancesOfDiffusers) {
  const auto variance = [](std::int64_t t, std::int64_t t_prev) {
    return std::pow(sigma_of_eta(1.0, schedule().alpha_bar(t), schedule().alpha_bar(t_prev)), 2);
  };
  EXPECT_NEAR(variance(420, 400), 0.14771, 1e-5);
  EXPECT_NEAR(variance(980, 960), 0.32460, 1e-5);
  EXPECT_NEAR(variance(487, 486), 0.00979, 1e-5);
  EXPECT_NEAR(variance(999, 998), 0.02, 1e-5);
}

TEST(Plan, EtaOneIsTheDdpmPosterior) {
  for (const std::int64_t S : {1, 10, 50, 1000}) {
    for (const PlanStep& step : plan_of(TauKind::linear, S, {.eta = 1.0}).steps) {
      const Posterior expected = ddpm_posterior(step);
      const Posterior found = mean_in_x0_and_x(step);
      ASSERT_NEAR(found.from_x0, expected.from_x0, kTolerance) << "t " << step.t;
      ASSERT_NEAR(found.from_x, expected.from_x, kTolerance) << "t " << step.t;
      ASSERT_NEAR(found.variance, expected.variance, kTolerance) << "t " << step.t;
    }
  }
}

// The official ddpm_steps: x0 = clamp(x_0 prediction, -1, 1), mean = the DDPM posterior at x0,
// standard deviation exp(log(beta_t) / 2), no noise at t = 0. Our clip with an eps derived anew is
// the same in other words.
TEST(Plan, SigmaHatWithRederivedEpsIsTheOfficialDdpmNoisy) {
  const PlanOptions options{.eta = SigmaHat{},
                            .clip = {.bound = Clip::Bound::range, .eps = Clip::EpsRule::rederive}};
  for (const PlanStep& step : plan_of(TauKind::linear_code, 10, options).steps) {
    const SamplerUpdate& u = step.update;
    for (const auto& [x, eps] : {std::pair{0.3, -0.2}, {1.7, -2.5}, {-0.4, 1.1}, {-2.2, 0.1}}) {
      // SamplerUpdate's contract, in scalars.
      const double x0 = std::clamp(u.x0_from_x * x + u.x0_from_output * eps, -u.clip, u.clip);
      ASSERT_EQ(u.eps_from_output, 0.0);
      const double derived_eps = u.eps_from_x * x + u.eps_from_x0 * x0;
      const double mean = u.prev_from_x0 * x0 + u.prev_from_eps * derived_eps;

      const double at = step.alpha_bar, atm1 = step.alpha_bar_prev, beta_t = 1.0 - at / atm1;
      const double official_x0 =
          std::clamp(std::sqrt(1.0 / at) * x - std::sqrt(1.0 / at - 1.0) * eps, -1.0, 1.0);
      const double official_mean =
          (std::sqrt(atm1) * beta_t * official_x0 + std::sqrt(1.0 - beta_t) * (1.0 - atm1) * x) /
          (1.0 - at);
      EXPECT_NEAR(mean, official_mean, kTolerance) << "t " << step.t;
    }
    const double official_std =
        std::exp(0.5 * std::log(1.0 - step.alpha_bar / step.alpha_bar_prev));
    EXPECT_NEAR(u.prev_from_noise, step.t == 0 ? 0.0 : official_std, kTolerance);
  }
}

// With noise level s = sqrt((1 - alpha_bar) / alpha_bar) and y = x / sqrt(alpha_bar), the ancestral
// Euler step is y + (s_down - s) eps + s_up z, where s_up^2 + s_down^2 = s_prev^2.
TEST(Plan, EveryEtaIsEulerAncestral) {
  for (const double eta : {0.0, 0.2, 0.5, 1.0}) {
    for (const std::int64_t S : {10, 50, 1000}) {
      for (const PlanStep& step : plan_of(TauKind::quadratic, S, {.eta = eta}).steps) {
        const double s = std::sqrt((1.0 - step.alpha_bar) / step.alpha_bar);
        const double s_prev = std::sqrt((1.0 - step.alpha_bar_prev) / step.alpha_bar_prev);
        const double s_up = eta * s_prev * std::sqrt((s - s_prev) * (s + s_prev)) / s;
        const double s_down = std::sqrt(s_prev * s_prev - s_up * s_up);
        const double scale = std::sqrt(step.alpha_bar_prev);
        ASSERT_NEAR(step.update.prev_from_eps, scale * s_down, kTolerance) << "t " << step.t;
        ASSERT_NEAR(step.update.prev_from_noise, scale * s_up, kTolerance) << "t " << step.t;
        ASSERT_NEAR(step.update.x0_from_output, -s, kTolerance * s) << "t " << step.t;
      }
    }
  }
}

/// Variance of x_0 around the image that a perfect denoiser knows, relative to what each marginal
/// allows: the largest |variance - (1 - alpha_bar)| along the way, starting from the marginal.
double largest_marginal_error(const Plan& plan) {
  double variance = 1.0 - plan.steps.front().alpha_bar;
  double largest = 0.0;
  for (const PlanStep& step : plan.steps) {
    // The mean sqrt(alpha_bar) x_0 is kept by x0_pred = x_0; only the deviation, eps, is scaled.
    const double factor = step.update.prev_from_eps / std::sqrt(1.0 - step.alpha_bar);
    variance = factor * factor * variance + step.sigma * step.sigma;
    largest = std::max(largest, std::abs(variance - (1.0 - step.alpha_bar_prev)));
  }
  return largest;
}

TEST(Plan, EveryEtaKeepsTheMarginalsAndSigmaHatDoesNot) {
  for (const double eta : {0.0, 0.3, 1.0})
    EXPECT_LT(largest_marginal_error(plan_of(TauKind::linear, 10, {.eta = eta})), kTolerance);
  EXPECT_GT(largest_marginal_error(plan_of(TauKind::linear, 10, {.eta = SigmaHat{}})), 0.02);
}

TEST(Plan, TakesEtaIsWhatSamplersTake) {
  int num_with_eta = 0;
  for (const Named<Sampler>& entry : Names<Sampler>::all()) {
    num_with_eta += takes_eta(entry.value) ? 1 : 0;
    PlanOptions options{.steps = 10, .eta = 0.5, .sampler = entry.value};
    bool is_taken = true;
    try {
      make_plan(schedule(), Prediction::eps, options);
    } catch (const Error&) {
      is_taken = false;
    }
    EXPECT_EQ(is_taken, takes_eta(entry.value)) << entry.name;
  }
  EXPECT_EQ(num_with_eta, 2);
}

TEST(Plan, LargestEta) {
  const std::pair<std::int64_t, double> cases[] = {
      {10, 1.0004}, {20, 1.0016}, {50, 1.008}, {100, 1.0236}, {1000, 1.354}};
  for (const auto& [S, expected] : cases) {
    const auto tau = make_tau(TauKind::linear_code, S, 1000).steps;
    const double largest = largest_eta(schedule(), tau);
    EXPECT_NEAR(largest, expected, S == 1000 || S == 50 ? 5e-4 : 5e-5) << S;
    for (const PlanStep& step : make_plan(schedule(), tau, {.eta = largest}).steps) {
      EXPECT_GE(step.update.prev_from_eps, 0.0);
      EXPECT_NEAR(std::pow(step.update.prev_from_eps, 2) + std::pow(step.sigma, 2),
                  1.0 - step.alpha_bar_prev, kTolerance);
    }
    expect_error(ErrorCode::user, "allow at most 1.",
                 [&] { make_plan(schedule(), tau, {.eta = std::nextafter(largest, 2.0)}); });
  }
  expect_error(ErrorCode::user, "eta: 1.2 makes",
               [] { plan_of(TauKind::linear_code, 10, {.eta = 1.2}); });
  expect_error(ErrorCode::user, testing::EndsWith("allow at most 1.0004"),
               [] { plan_of(TauKind::linear_code, 10, {.eta = 1.2}); });
  // A single step adds no noise whatever eta is.
  EXPECT_EQ(plan_of(TauKind::linear, 1, {.eta = 7.0}).steps[0].sigma, 0.0);
}

TEST(Plan, RefusesWhatCannotBeSampled) {
  const auto refused = [](const std::string& part, const std::vector<std::int64_t>& tau,
                          const PlanOptions& options) {
    expect_error(ErrorCode::user, part, [&] { make_plan(schedule(), tau, options); });
  };
  refused("empty", {}, {});
  refused("5 comes after 5", {5, 5}, {});
  refused("4 comes after 5", {5, 4}, {});
  refused("-1 is no step", {-1, 4}, {});
  refused("1000 is no step of this process; expected 0 to 999", {0, 1000}, {});
  const double nan = std::numeric_limits<double>::quiet_NaN();
  const double infinity = std::numeric_limits<double>::infinity();
  for (const double eta : {-0.1, nan, infinity})
    refused("eta must be 0 or greater; got ", {0, 999}, {.eta = eta});
  for (const double range : {0.0, -1.0, nan, infinity})
    refused("clip_range must be greater than 0; got ", {0, 999},
            {.clip = {.bound = Clip::Bound::range, .range = range}});
}

TEST(Plan, RefusesWhatASamplerCannotDo) {
  const std::vector<std::int64_t> tau = {0, 99, 999};
  const auto refused = [&](const std::string& part, const PlanOptions& options) {
    expect_error(ErrorCode::user, part, [&] { make_plan(schedule(), tau, options); });
  };
  refused("eta works only with the samplers ddim and euler, not with ab2, which adds no noise",
          {.eta = 0.5, .sampler = Sampler::ab2});
  refused(
      "eta works only with the samplers ddim and euler, not with ddpm-small, which has a variance "
      "of its own",
      {.eta = 0.5, .sampler = Sampler::ddpm_small});
  refused("sigma_hat works only with the sampler ddim, not with euler",
          {.eta = SigmaHat{}, .sampler = Sampler::euler});
  refused("clip has no effect with the sampler heun",
          {.clip = {.bound = Clip::Bound::range}, .sampler = Sampler::heun});
  refused("clip has no effect with the sampler adaptive",
          {.clip = {.bound = Clip::Bound::quantile}, .sampler = Sampler::adaptive});
  for (const double quantile : {0.0, -0.1, 1.1})
    refused("threshold must be above 0 and at most 1, such as 0.995; got ",
            {.clip = {.bound = Clip::Bound::quantile, .quantile = quantile}});
  refused("threshold_max must be at least 1; got 0.5",
          {.clip = {.bound = Clip::Bound::quantile, .max = 0.5}});
  refused("tolerance must be greater than 0; got 0",
          {.sampler = Sampler::adaptive, .tolerance = 0.0});
  EXPECT_FALSE(std::signbit(
      make_plan(schedule(), Prediction::eps, PlanOptions{.steps = 2, .eta = -0.0}).steps[0].sigma));

  const auto refused_trajectory = [](const std::string& part, const PlanOptions& options) {
    expect_error(ErrorCode::user, part, [&] { make_plan(schedule(), Prediction::eps, options); });
  };
  refused_trajectory("steps_offset: 7 has no meaning for the sampler adaptive",
                     {.sampler = Sampler::adaptive, .steps_offset = 7});
  refused_trajectory(
      "dpmpp-2m uses earlier steps, so each step must begin where the one before it ends",
      {.steps = 300, .tau = TauKind::diffusers_trailing, .sampler = Sampler::dpmpp_2m});
  refused_trajectory("the one at t = 0 stays there", {.steps = 10,
                                                      .tau = TauKind::leading,
                                                      .sampler = Sampler::dpmpp_2m,
                                                      .final_alpha = FinalAlpha::first});
}

TEST(Plan, ZeroTerminalSnrNeedsAnotherPredictionAndSampler) {
  const Schedule zero = make_schedule({.terminal_snr = TerminalSnr::zero});
  const std::vector<std::int64_t> tau = {99, 499, 999};
  expect_error(ErrorCode::user, "a network that predicts eps says nothing about the image",
               [&] { make_plan(zero, tau); });
  for (const Named<Sampler>& named : Names<Sampler>::all()) {
    const Sampler sampler = named.value;
    const PlanOptions options{.sampler = sampler};
    const bool works = sampler == Sampler::ddim || sampler == Sampler::ddpm_small ||
                       sampler == Sampler::ddpm_large || sampler == Sampler::ddpm_learned ||
                       sampler == Sampler::dpmpp_2m;
    if (!works) {
      expect_error(ErrorCode::user, "the noise level, which is infinite",
                   [&] { make_plan(zero, tau, options, Prediction::v); });
      continue;
    }
    for (const PlanStep& step : make_plan(zero, tau, options, Prediction::v).steps) {
      const Multistep::Combination next =
          step.multistep ? step.multistep->next : Multistep::Combination{};
      for (const double factor :
           {step.update.x0_from_x, step.update.eps_from_x, step.update.prev_from_x0, step.sigma,
            next.x, next.directions[0], next.directions[1], next.directions[2]})
        EXPECT_TRUE(std::isfinite(factor)) << to_string(sampler) << " t " << step.t;
    }
  }
  // Below the last step it is a schedule like others.
  EXPECT_NO_THROW(make_plan(zero, std::vector<std::int64_t>{0, 998}));
}

// The factors of eps in y at the first steps of S = 10 "uniform": eq. 13 and eq. 15 go to the same
// limit, but differ by a third here.
TEST(Plan, EquationThirteenIsNotEquationFifteen) {
  const auto factor = [](Sampler sampler, std::size_t i) {
    const PlanStep step = plan_of(TauKind::linear_code, 10, {.sampler = sampler}).steps[i];
    return step.multistep->next.directions[0] / std::sqrt(step.alpha_bar_prev);
  };
  const double expected[3][2] = {{-35.09, -24.97}, {-13.71, -10.06}, {-5.85, -4.43}};
  for (std::size_t i = 0; i < 3; ++i) {
    EXPECT_NEAR(factor(Sampler::euler, i), expected[i][0], 5e-3);
    EXPECT_NEAR(factor(Sampler::euler_t, i), expected[i][1], 5e-3);
  }
}

// Theorem 1: the KL of a step is gamma |eps_pred - eps|^2, the mean differing by
// from_x0 sqrt((1-alpha_bar)/alpha_bar) (eps_pred - eps). With DDPM's sigma that is eq. 66; the
// printed 1 / (2 d sigma^2 alpha_bar), times d, is far larger.
TEST(Plan, ExactWeightOfTheoremOne) {
  const std::pair<std::int64_t, double> printed_over_exact[] = {
      {10, 2.5e4}, {500, 1.2e5}, {999, 6e7}};
  const Plan plan = plan_of(TauKind::linear, 1000, {.eta = 1.0});
  for (const auto& [t, ratio] : printed_over_exact) {
    const PlanStep& step = plan.steps[static_cast<std::size_t>(999 - t)];
    const double a = step.alpha_bar, a_prev = step.alpha_bar_prev;
    const double variance = step.sigma * step.sigma;
    const double from_x0 = mean_in_x0_and_x(step).from_x0;
    const double gamma = from_x0 * from_x0 * (1.0 - a) / a / (2.0 * variance);
    const double alpha = a / a_prev, beta = 1.0 - alpha;
    EXPECT_NEAR(gamma / (beta * beta / (2.0 * variance * (1.0 - a) * alpha)), 1.0, 1e-9);
    const double root =
        std::sqrt(a_prev) - std::sqrt(1.0 - a_prev - variance) * std::sqrt(a) / std::sqrt(1.0 - a);
    EXPECT_NEAR(gamma / ((1.0 - a) / (2.0 * variance * a) * root * root), 1.0, 1e-9);
    EXPECT_NEAR(1.0 / (2.0 * variance * a) / gamma / ratio, 1.0, 0.1) << t;
  }
}

// A step of the official "quad" list that repeats its t does nothing, whatever the sampler.
TEST(Plan, ARepeatedStepDoesNothing) {
  Trajectory trajectory;
  const double a = schedule().alpha_bar(7);
  trajectory.legs = {{.t = 7, .t_prev = 7, .alpha_bar = a, .alpha_bar_prev = a},
                     {.t = 7, .t_prev = -1, .alpha_bar = a, .alpha_bar_prev = 1}};
  for (const Eta& eta : {Eta{0.0}, {1.0}, {SigmaHat{}}}) {
    const PlanStep step = make_plan(schedule(), Prediction::eps, trajectory, {.eta = eta}).steps[0];
    EXPECT_EQ(step.sigma, 0.0);
    EXPECT_NEAR(step.update.prev_from_x0 * step.update.x0_from_x, 1.0, kTolerance);
    EXPECT_NEAR(step.update.prev_from_x0 * step.update.x0_from_output + step.update.prev_from_eps,
                0.0, kTolerance);
  }
}

TEST(Plan, CallsOfTheNetwork) {
  const auto nfe = [](Sampler sampler) {
    return plan_of(TauKind::linear, 10, {.sampler = sampler}).nfe;
  };
  EXPECT_EQ(nfe(Sampler::ab2), 10);
  EXPECT_EQ(nfe(Sampler::ab3), 11);
  EXPECT_EQ(nfe(Sampler::ab4), 14);
  EXPECT_EQ(nfe(Sampler::heun), 19);
  EXPECT_EQ(nfe(Sampler::dpmpp_2m), 10);
  EXPECT_EQ(nfe(Sampler::dpmpp_3m), 11);
  EXPECT_EQ(nfe(Sampler::unipc), 10);
}

// Only the leg to the clean image is of first order; the one to t = 0 is of second as all others.
TEST(Plan, OnlyTheLastStepOfDpmSolverForgetsWhatWasBefore) {
  const Plan plan = make_plan(schedule(), std::vector<std::int64_t>{0, 400, 700, 999},
                              {.sampler = Sampler::dpmpp_2m});
  std::vector<std::ptrdiff_t> num_directions;
  for (const PlanStep& step : plan.steps)
    num_directions.push_back(std::ranges::count_if(step.multistep->next.directions,
                                                   [](double factor) { return factor != 0.0; }));
  EXPECT_EQ(num_directions, (std::vector<std::ptrdiff_t>{1, 2, 2, 1}));
}

TEST(Plan, ClipIsWhatTheOptionSays) {
  const auto update = [](Clip clip) {
    clip.range = 2.0;
    return plan_of(TauKind::linear, 10, {.clip = clip}).steps[3].update;
  };
  EXPECT_EQ(update({}).clip, std::numeric_limits<double>::infinity());
  EXPECT_EQ(update({}).eps_from_output, 1.0);
  EXPECT_EQ(update({.bound = Clip::Bound::range}).clip, 2.0);
  EXPECT_EQ(update({.bound = Clip::Bound::range}).eps_from_output, 1.0);
  EXPECT_EQ(update({.bound = Clip::Bound::range, .eps = Clip::EpsRule::rederive}).clip, 2.0);
  EXPECT_EQ(update({.bound = Clip::Bound::range, .eps = Clip::EpsRule::rederive}).eps_from_output,
            0.0);
  EXPECT_LT(update({.bound = Clip::Bound::range, .eps = Clip::EpsRule::rederive}).eps_from_x0, 0.0);
}

}  // namespace
}  // namespace ddim::engine::diffusion
