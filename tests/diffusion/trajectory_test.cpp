#include "diffusion/trajectory.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "tests/support/expect_error.h"

namespace ddim::engine::diffusion {
namespace {

using test::expect_error;

const Schedule& schedule() {
  static const Schedule linear = Schedule::linear();
  return linear;
}

Trajectory of_kind(TauKind kind, std::int64_t S, FinalAlpha final_alpha = FinalAlpha::one) {
  return make_trajectory(schedule(), {.steps = S, .tau = kind, .final_alpha = final_alpha});
}

// Issue 11347 of diffusers and its family: the previous step is the one in the list.
TEST(Trajectory, LegsMeetForEveryNumberOfStepsAndSpacing) {
  for (const Named<TauKind>& named : Names<TauKind>::all()) {
    const TauKind kind = named.value;
    if (kind >= TauKind::diffusers_leading) continue;
    for (std::int64_t S = 1; S <= 1000; ++S) {
      const Trajectory trajectory = of_kind(kind, S);
      const auto& legs = trajectory.legs;
      if (kind != TauKind::linear_code && kind != TauKind::quadratic_code) {
        ASSERT_EQ(std::ssize(legs), S) << to_string(kind);
      }
      ASSERT_EQ(legs.back().t_prev, -1.0);
      ASSERT_EQ(legs.back().alpha_bar_prev, 1.0);
      for (std::size_t i = 0; i < legs.size(); ++i) {
        ASSERT_LT(legs[i].t_prev, legs[i].t) << to_string(kind) << " S " << S;
        ASSERT_LT(legs[i].alpha_bar, legs[i].alpha_bar_prev);
        if (i == 0) continue;
        ASSERT_EQ(legs[i].t, legs[i - 1].t_prev);
        ASSERT_EQ(legs[i].alpha_bar, legs[i - 1].alpha_bar_prev);
      }
    }
  }
}

TEST(Trajectory, LogSnrHasEqualDistances) {
  for (const std::int64_t S : {2, 10, 1000}) {
    const auto legs = of_kind(TauKind::log_snr, S).legs;
    EXPECT_EQ(legs.front().t, 999.0);
    EXPECT_EQ(legs.back().t, 0.0);
    const double distance =
        (log_snr(schedule().alpha_bar(0)) - log_snr(schedule().alpha_bar(999))) /
        static_cast<double>(S - 1);
    for (std::size_t i = 0; i + 1 < legs.size(); ++i)
      ASSERT_NEAR(log_snr(legs[i].alpha_bar_prev) - log_snr(legs[i].alpha_bar), distance, 1e-9);
  }
  EXPECT_EQ(of_kind(TauKind::log_snr, 1).legs.front().t, 999.0);
  const Schedule zero = make_schedule({.terminal_snr = TerminalSnr::zero});
  expect_error(ErrorCode::user, "log-snr is impossible here, because the log SNR is minus infinity",
               [&] { make_trajectory(zero, {.steps = 10, .tau = TauKind::log_snr}); });
}

TEST(Trajectory, AListMayHoldRealNumbers) {
  const std::vector<double> tau = {0.5, 10, 998.25};
  const auto legs = make_trajectory(schedule(), tau).legs;
  ASSERT_EQ(legs.size(), 3U);
  EXPECT_EQ(legs[0].t, 998.25);
  EXPECT_EQ(legs[0].t_prev, 10.0);
  EXPECT_EQ(legs[1].alpha_bar, schedule().alpha_bar(10));
  EXPECT_LT(legs[2].alpha_bar, schedule().alpha_bar(0));
  EXPECT_GT(legs[2].alpha_bar, schedule().alpha_bar(1));
}

TEST(Trajectory, RefusesListsByName) {
  const auto refused = [](const std::string& part, const std::vector<double>& tau) {
    expect_error(ErrorCode::user, part, [&] { make_trajectory(schedule(), tau); });
  };
  const double nan = std::numeric_limits<double>::quiet_NaN();
  refused("the list of steps is empty", {});
  refused("5 comes after 5; expected an increasing list", {5, 5});
  refused("3 comes after 7", {5, 7, 3});
  refused("-0.5 is no step of this process; expected 0 to 999", {-0.5, 7});
  refused("999.5 is no step of this process; expected 0 to 999", {0, 999.5});
  refused("nan is no step", {nan});
  refused("5 is less than 1e-06 above", {5, 5.0000001});
}

TEST(Trajectory, FinalAlpha) {
  const Leg last = of_kind(TauKind::leading, 10, FinalAlpha::first).legs.back();
  EXPECT_EQ(last.t, 0.0);
  EXPECT_EQ(last.alpha_bar_prev, schedule().alpha_bar(0));
}

TEST(Trajectory, StepsOfDiffusersLeadWhereItComputesThemTo) {
  const auto legs =
      of_kind(TauKind::diffusers_trailing, 300).legs;  // 999 996 992 ..., 1000/300 = 3
  EXPECT_EQ(legs[0].t_prev, 996.0);
  EXPECT_EQ(legs[1].t_prev, 993.0);
  EXPECT_EQ(legs[2].t, 992.0);
  EXPECT_EQ(legs[1].alpha_bar_prev, schedule().alpha_bar(993));
  EXPECT_EQ(legs.back().t, 2.0);
  EXPECT_EQ(legs.back().alpha_bar_prev, 1.0);
}

}  // namespace
}  // namespace ddim::engine::diffusion
