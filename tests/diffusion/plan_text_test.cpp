#include "diffusion/plan.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <nlohmann/json.hpp>

#include "diffusion/tau.h"

namespace ddim::engine::diffusion {
namespace {

Plan plan_of(const PlanOptions& options) {
  return make_plan(Schedule::linear(), make_tau(TauKind::linear, 2, 1000).steps, options);
}

TEST(PlanText, Table) {
  EXPECT_EQ(to_table(plan_of({.eta = 1.0})),
            "     t  t_prev  sqrt(alpha_bar)           SNR     sigma\n"
            "   999     499         0.006353    4.0360e-05    0.9597\n"
            "   499      -1         0.280334    8.5290e-02    0.0000\n"
            "network calls per image (nfe): 2\n");
}

TEST(PlanText, TableSaysWhatIsClipped) {
  EXPECT_THAT(to_table(plan_of({.clip = {.bound = Clip::Bound::range}})),
              testing::HasSubstr("clipping of the predicted x_0: keep-eps\n"));
}

TEST(PlanText, OfNoise) {
  EXPECT_FALSE(draws_noise(plan_of({})));
  EXPECT_TRUE(draws_noise(plan_of({.eta = 0.1})));
  EXPECT_TRUE(draws_noise(plan_of({.eta = SigmaHat{}})));
  EXPECT_TRUE(draws_noise(plan_of({.sampler = Sampler::ddpm_learned})));
  EXPECT_FALSE(draws_noise(plan_of({.sampler = Sampler::unipc})));
  EXPECT_FALSE(draws_noise(plan_of({.sampler = Sampler::adaptive})));
}

TEST(PlanText, JsonHoldsEveryNumberExactly) {
  const Plan plan = plan_of({.eta = 0.3, .clip = {.bound = Clip::Bound::range}});
  const auto json = nlohmann::json::parse(to_json(plan));
  EXPECT_EQ(json["noise"], "eta");
  EXPECT_EQ(json["eta"], 0.3);
  EXPECT_EQ(json["clip"], "keep-eps");
  EXPECT_EQ(json["nfe"], 2);
  ASSERT_EQ(json["steps"].size(), 2);
  for (std::size_t i = 0; i < 2; ++i) {
    const PlanStep& step = plan.steps[i];
    EXPECT_EQ(json["steps"][i]["t"], step.t);
    EXPECT_EQ(json["steps"][i]["t_prev"], step.t_prev);
    EXPECT_EQ(json["steps"][i]["sqrt_alpha_bar"], std::sqrt(step.alpha_bar));
    EXPECT_EQ(json["steps"][i]["snr"], step.alpha_bar / (1.0 - step.alpha_bar));
    EXPECT_EQ(json["steps"][i]["sigma"], step.sigma);
  }
}

TEST(PlanText, RealTimesAndTheAdaptiveSampler) {
  const Schedule schedule = Schedule::linear();
  const std::vector<double> tau = {0, 499.5};
  const Plan real = make_plan(schedule, Prediction::eps, {.tau = tau});
  EXPECT_THAT(to_table(real), testing::HasSubstr("\n499.500       0         0.279627"));
  EXPECT_EQ(nlohmann::json::parse(to_json(real))["steps"][0]["t"], 499.5);

  const Plan adaptive = make_plan(schedule, Prediction::eps, make_trajectory(schedule, tau),
                                  {.sampler = Sampler::adaptive});
  EXPECT_THAT(to_table(adaptive), testing::HasSubstr("tolerance 0.01"));
  EXPECT_THAT(to_table(adaptive), testing::HasSubstr("(nfe): at most 1000"));
  const auto json = nlohmann::json::parse(to_json(adaptive));
  EXPECT_EQ(json["sampler"], "adaptive");
  EXPECT_EQ(json["nfe_at_most"], 1000);
  EXPECT_FALSE(json.contains("nfe"));
}

TEST(PlanText, JsonNamesTheRules) {
  const auto sigma_hat = nlohmann::json::parse(to_json(plan_of(
      {.eta = SigmaHat{}, .clip = {.bound = Clip::Bound::range, .eps = Clip::EpsRule::rederive}})));
  EXPECT_EQ(sigma_hat["noise"], "sigma-hat");
  EXPECT_FALSE(sigma_hat.contains("eta"));
  EXPECT_EQ(sigma_hat["clip"], "rederive-eps");
  const auto noise_of = [&](Sampler sampler) {
    const auto json = nlohmann::json::parse(to_json(plan_of({.sampler = sampler})));
    EXPECT_EQ(json.contains("eta"), takes_eta(sampler));
    return json["noise"];
  };
  EXPECT_EQ(noise_of(Sampler::ddpm_large), "its own");
  EXPECT_EQ(noise_of(Sampler::heun), "none");
  EXPECT_EQ(noise_of(Sampler::euler), "eta");
  EXPECT_EQ(nlohmann::json::parse(to_json(plan_of({})))["clip"], "none");
}

}  // namespace
}  // namespace ddim::engine::diffusion
