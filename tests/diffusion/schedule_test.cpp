#include "diffusion/schedule.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "tests/diffusion/expect_error.h"

namespace ddim::diffusion {
namespace {

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

TEST(Schedule, RefusesWhatCannotBeSampled) {
  const auto refused = [](const std::string& part, std::vector<double> betas) {
    expect_error(ErrorCode::user, part, [&] { Schedule schedule(std::move(betas)); });
  };
  refused("0 betas", {});
  refused("beta at t = 1 is 0;", {0.1, 0.0});
  refused("beta at t = 0 is 1;", {1.0});
  refused("beta at t = 0 is -0.1", {-0.1});
  refused("is nan", {std::numeric_limits<double>::quiet_NaN()});
  refused("expected it to decrease", {0.1, 1e-20});
  refused("stay above", std::vector<double>(100, 0.9));
  expect_error(ErrorCode::user, "T is 0", [] { Schedule::linear(1e-4, 0.02, 0); });
  expect_error(ErrorCode::user, "t is 1000", [] { Schedule::linear().alpha_bar(1000); });
  expect_error(ErrorCode::user, "t is -2", [] { Schedule::linear().alpha_bar(-2); });
}

}  // namespace
}  // namespace ddim::diffusion
