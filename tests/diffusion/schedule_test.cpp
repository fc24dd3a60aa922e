#include "diffusion/schedule.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "tests/support/expect_error.h"

namespace ddim::engine::diffusion {
namespace {

using test::expect_error;

TEST(Schedule, LinearIsTheOneOfTheOfficialCode) {
  const Schedule schedule = Schedule::linear();
  EXPECT_EQ(schedule.num_steps(), 1000);
  EXPECT_EQ(schedule.alpha_bar(-1), 1.0);
  EXPECT_DOUBLE_EQ(schedule.alpha_bar(0), 0.9999);
  EXPECT_NEAR(schedule.alpha_bar(999), 4.0358e-5, 1e-9);
  EXPECT_NEAR(std::sqrt(schedule.alpha_bar(999)), 0.0063528, 1e-7);
  EXPECT_NEAR(std::sqrt(schedule.alpha_bar(900)), 0.01644, 1e-5);
  EXPECT_NEAR(std::sqrt(schedule.alpha_bar(800)), 0.0388, 1e-4);
}

TEST(Schedule, EndsAreExact) {
  const Schedule schedule = Schedule::linear(0.01, 0.3, 7);
  EXPECT_EQ(schedule.betas().front(), 0.01);
  EXPECT_EQ(schedule.betas().back(), 0.3);
  EXPECT_EQ(Schedule::linear(0.25, 0.5, 1).alpha_bar(0), 0.75);
}

TEST(Schedule, RealTimesLieOnALineInLogSnr) {
  const Schedule schedule = Schedule::linear();
  for (const std::int64_t t : {-1, 0, 1, 500, 999})
    EXPECT_EQ(schedule.alpha_bar_at(static_cast<double>(t)), schedule.alpha_bar(t));
  const double middle = log_snr(schedule.alpha_bar_at(499.5));
  EXPECT_NEAR(middle, 0.5 * (log_snr(schedule.alpha_bar(499)) + log_snr(schedule.alpha_bar(500))),
              1e-12);
  for (const double t : {0.0, 0.25, 17.5, 998.999, 999.0})
    EXPECT_NEAR(schedule.t_at_log_snr(log_snr(schedule.alpha_bar_at(t))), t, 1e-9);
  EXPECT_EQ(schedule.t_at_log_snr(100.0), 0.0);
  EXPECT_EQ(schedule.t_at_log_snr(-100.0), 999.0);
  for (const double t : {-0.5, -2.0, 999.5, std::numeric_limits<double>::quiet_NaN()})
    expect_error(ErrorCode::user, "t is ", [&] { schedule.alpha_bar_at(t); });
}

// alphas_cumprod of diffusers 0.42.1, in float.
TEST(Schedule, KindsAreThoseOfDiffusers) {
  struct Case {
    BetaKind betas;
    double at_0, at_500, at_999;
  };
  const Case cases[] = {
      {BetaKind::linear, 0.9998999834060669, 0.07779665291309357, 4.035830352222547e-05},
      {BetaKind::scaled_linear, 0.9998999834060669, 0.3312746286392212, 0.0007334119873121381},
      {BetaKind::cosine, 0.9999586939811707, 0.4922850430011749, 2.4287349909002387e-09},
      {BetaKind::sigmoid, 0.9998508095741272, 0.29888758063316345, 3.9681821363046765e-05}};
  for (const Case& expected : cases) {
    const Schedule schedule = make_schedule({.schedule = expected.betas});
    EXPECT_NEAR(schedule.alpha_bar(0), expected.at_0, 1e-6) << to_string(expected.betas);
    EXPECT_NEAR(schedule.alpha_bar(500) / expected.at_500, 1.0, 1e-5) << to_string(expected.betas);
    EXPECT_NEAR(schedule.alpha_bar(999) / expected.at_999, 1.0, 1e-4) << to_string(expected.betas);
  }
  const Schedule listed = make_schedule({.schedule = BetaKind::list, .betas = {0.1, 0.2}});
  EXPECT_DOUBLE_EQ(listed.alpha_bar(1), 0.9 * 0.8);
}

TEST(Schedule, ZeroTerminalSnr) {
  for (const Named<BetaKind>& named : Names<BetaKind>::all()) {
    const BetaKind kind = named.value;
    ForwardProcess options{.schedule = kind, .terminal_snr = TerminalSnr::zero};
    if (kind == BetaKind::list) options.betas = {0.1, 0.2, 0.3};
    const Schedule zero = make_schedule(options);
    options.terminal_snr = TerminalSnr::as_is;
    const Schedule before = make_schedule(options);
    const std::int64_t last = zero.num_steps() - 1;
    EXPECT_TRUE(zero.has_zero_terminal_snr());
    EXPECT_FALSE(before.has_zero_terminal_snr());
    EXPECT_EQ(zero.alpha_bar(last), 0.0);
    EXPECT_EQ(zero.alpha_bar(0), before.alpha_bar(0));
    EXPECT_GT(zero.alpha_bar(last - 1), 0.0);
    EXPECT_LT(zero.alpha_bar(last - 1), before.alpha_bar(last - 1));
    expect_error(ErrorCode::user, "cannot be interpolated",
                 [&] { zero.alpha_bar_at(static_cast<double>(last) - 0.5); });
  }
  // diffusers 0.42.1
  const Schedule linear = make_schedule({.terminal_snr = TerminalSnr::zero});
  EXPECT_NEAR(linear.alpha_bar(500), 0.07524619996547699, 1e-6);
  EXPECT_NEAR(linear.alpha_bar(998), 4.213273285813557e-09, 1e-12);
  expect_error(ErrorCode::user, "needs at least 2 steps",
               [] { make_schedule({.T = 1, .terminal_snr = TerminalSnr::zero}); });
}

TEST(Schedule, RefusesListsThatDoNotBelong) {
  expect_error(ErrorCode::user, "betas: the list is empty",
               [] { make_schedule({.schedule = BetaKind::list}); });
  expect_error(ErrorCode::user, "but the schedule is cosine",
               [] { make_schedule({.schedule = BetaKind::cosine, .betas = {0.1}}); });
  expect_error(ErrorCode::user,
               "beta_start must be a number between 0 and 1, both excluded; got -0.1",
               [] { make_schedule({.schedule = BetaKind::scaled_linear, .beta_start = -0.1}); });
}

TEST(Schedule, RefusesWhatCannotBeSampled) {
  const auto refused = [](const std::string& part, std::vector<double> betas) {
    expect_error(ErrorCode::user, part, [&] { Schedule schedule(std::move(betas)); });
  };
  refused("betas: there are 0;", {});
  refused("beta at t = 1 is 0;", {0.1, 0.0});
  refused("beta at t = 0 is 1;", {1.0});
  refused("beta at t = 0 is -0.1", {-0.1});
  refused("is nan", {std::numeric_limits<double>::quiet_NaN()});
  refused("expected it to decrease", {0.1, 1e-20});
  refused("stay above", std::vector<double>(100, 0.9));
  expect_error(ErrorCode::user, "T: 0 training steps", [] { Schedule::linear(1e-4, 0.02, 0); });
  expect_error(ErrorCode::user, "t is 1000", [] { Schedule::linear().alpha_bar(1000); });
  expect_error(ErrorCode::user, "t is -2", [] { Schedule::linear().alpha_bar(-2); });
}

}  // namespace
}  // namespace ddim::engine::diffusion
