// Order of convergence of every deterministic sampler, on a mixture whose eps is known in closed
// form: the error at t = 0 after S steps of equal length in log SNR.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "backend/ref/ref_backend.h"
#include "tests/diffusion/mixture.h"
#include "tests/support/expect_error.h"

namespace ddim::engine::diffusion {
namespace {

using test::expect_error;

struct NamedOrder {
  Sampler sampler;
  double order;
};

std::ostream& operator<<(std::ostream& out, const NamedOrder& named) {
  return out << to_string(named.sampler);
}

class Convergence : public testing::TestWithParam<NamedOrder> {
 protected:
  const Schedule schedule = Schedule::linear();
  const Device device{make_ref_backend()};

  /// The state at t = 0, before the last step to the clean image, which every sampler takes alike.
  std::vector<double> state_at_zero(const PlanOptions& options, std::int64_t S,
                                    Prediction prediction = Prediction::eps) const {
    Tensor x_T(device, {1, 9}, DType::f64);
    for (std::int64_t i = 0; i < x_T.size(); ++i)
      x_T.data<double>()[i] = -2.0 + 0.5 * static_cast<double>(i);
    const Plan plan =
        make_plan(schedule, prediction,
                  make_trajectory(schedule, {.steps = S + 1, .tau = TauKind::log_snr}), options);
    std::vector<double> state;
    sample(plan, Mixture(schedule, prediction), x_T, DrawnNoise{}, [&](const StepReport& report) {
      if (report.step.t_prev >= 0.0) {
        const auto values = report.x_prev.values<double>();
        state.assign(values.begin(), values.end());
      }
      return Flow::proceed;
    });
    return state;
  }

  static double distance(const std::vector<double>& a, const std::vector<double>& b) {
    double largest = 0.0;
    for (std::size_t i = 0; i < a.size(); ++i) largest = std::max(largest, std::abs(a[i] - b[i]));
    return largest;
  }
};

TEST_P(Convergence, IsAsNamed) {
  const auto exact = state_at_zero({.sampler = Sampler::ab4}, 999);
  const PlanOptions options{.sampler = GetParam().sampler};
  const double coarse = distance(state_at_zero(options, 120), exact);
  const double fine = distance(state_at_zero(options, 240), exact);
  EXPECT_NEAR(std::log2(coarse / fine), GetParam().order, 0.2) << coarse << " " << fine;
}

INSTANTIATE_TEST_SUITE_P(
    Samplers, Convergence,
    testing::Values(NamedOrder{Sampler::ddim, 1}, NamedOrder{Sampler::euler, 1},
                    NamedOrder{Sampler::euler_t, 1}, NamedOrder{Sampler::ab1, 1},
                    NamedOrder{Sampler::ab2, 2}, NamedOrder{Sampler::ab3, 3},
                    NamedOrder{Sampler::ab4, 4}, NamedOrder{Sampler::heun, 2},
                    NamedOrder{Sampler::dpmpp_2m, 2}, NamedOrder{Sampler::dpmpp_3m, 3},
                    NamedOrder{Sampler::unipc, 3}),
    [](const auto& one) {
      std::string name(to_string(one.param.sampler));
      std::ranges::replace(name, '-', '_');
      return name;
    });

using LastStep = Convergence;

// A last step to the noise level of t = 0, where the state already is, changes nothing.
TEST_F(LastStep, ToTheFirstAlphaKeepsTheState) {
  for (const Sampler sampler : {Sampler::ddim, Sampler::euler, Sampler::euler_t}) {
    const Plan plan = make_plan(
        schedule, Prediction::eps,
        make_trajectory(schedule,
                        {.steps = 20, .tau = TauKind::log_snr, .final_alpha = FinalAlpha::first}),
        {.sampler = sampler});
    Tensor x_T(device, {1, 2}, DType::f64);
    x_T.data<double>()[0] = -1.5;
    x_T.data<double>()[1] = 0.7;
    std::vector<double> at_zero;
    const Tensor last =
        sample(plan, Mixture(schedule), x_T, DrawnNoise{}, [&](const StepReport& report) {
          const auto values = report.x_prev.values<double>();
          if (report.step.t_prev == 0.0) at_zero.assign(values.begin(), values.end());
          return Flow::proceed;
        });
    ASSERT_EQ(at_zero.size(), 2U) << to_string(sampler);
    const auto values = last.values<double>();
    EXPECT_LT(distance({values.begin(), values.end()}, at_zero), 1e-12) << to_string(sampler);
  }
}

using AdaptiveConvergence = Convergence;

TEST_F(AdaptiveConvergence, ErrorsFallWithTheTolerance) {
  const auto exact = state_at_zero({.sampler = Sampler::ab4}, 999);
  double before = 1.0;
  for (const double tolerance : {1e-2, 1e-3, 1e-4, 1e-5, 1e-6}) {
    const double error =
        distance(state_at_zero({.sampler = Sampler::adaptive, .tolerance = tolerance}, 2), exact);
    EXPECT_LT(error, 100.0 * tolerance);
    EXPECT_LT(error, before);
    before = error;
  }
}

TEST_F(AdaptiveConvergence, ATooSmallToleranceIsAnError) {
  expect_error(ErrorCode::numeric, "tolerance 1e-12 needs more than 1000 network calls",
               [&] { state_at_zero({.sampler = Sampler::adaptive, .tolerance = 1e-12}, 2); });
}

// What the network predicts is a matter of words: the same flow, so the same state.
TEST_F(AdaptiveConvergence, EveryPredictionIsTheSameFlow) {
  for (const Named<Sampler>& named : Names<Sampler>::all()) {
    const Sampler sampler = named.value;
    if (sampler == Sampler::ddpm_small || sampler == Sampler::ddpm_large ||
        sampler == Sampler::ddpm_learned)
      continue;
    const auto expected = state_at_zero({.sampler = sampler}, 20);
    for (const Prediction prediction : {Prediction::x0, Prediction::v}) {
      EXPECT_LT(distance(state_at_zero({.sampler = sampler}, 20, prediction), expected), 1e-9)
          << to_string(sampler) << " " << to_string(prediction);
    }
  }
}

}  // namespace
}  // namespace ddim::engine::diffusion
