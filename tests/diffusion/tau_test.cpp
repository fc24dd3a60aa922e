#include "diffusion/tau.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "tests/diffusion/expect_error.h"

namespace ddim::diffusion {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using Steps = std::vector<std::int64_t>;

Steps steps(TauKind kind, std::int64_t S, std::int64_t T = 1000) {
  return make_tau(kind, S, T).steps;
}

bool strictly_increasing(const Steps& tau) {
  return std::adjacent_find(tau.begin(), tau.end(), std::greater_equal<>()) == tau.end();
}

TEST(Tau, PaperLists) {
  EXPECT_THAT(steps(TauKind::linear, 10),
              ElementsAre(99, 199, 299, 399, 499, 599, 699, 799, 899, 999));
  EXPECT_THAT(steps(TauKind::linear, 3), ElementsAre(332, 665, 999));
  EXPECT_THAT(steps(TauKind::quadratic, 10),
              ElementsAre(9, 39, 89, 159, 249, 359, 489, 639, 809, 999));
  // floor(5 i^2 / 16) = 0 1 2 5 moves up to 1 2 3 5 in the paper's count.
  EXPECT_THAT(steps(TauKind::quadratic, 4, 5), ElementsAre(0, 1, 2, 4));
}

TEST(Tau, PaperListsAreWholeForEveryNumberOfSteps) {
  for (const TauKind kind : {TauKind::linear, TauKind::quadratic}) {
    for (const std::int64_t T : {1, 2, 37, 1000}) {
      for (std::int64_t S = 1; S <= T; ++S) {
        const Tau tau = make_tau(kind, S, T);
        ASSERT_EQ(std::ssize(tau.steps), S);
        ASSERT_TRUE(strictly_increasing(tau.steps)) << "S " << S << " T " << T;
        ASSERT_GE(tau.steps.front(), 0);
        ASSERT_EQ(tau.steps.back(), T - 1);
        ASSERT_EQ(tau.note, "");
      }
    }
  }
}

// Where floor(c i^2) itself is an increasing list, it is what we return.
TEST(Tau, QuadraticIsTheFormulaWhereNothingCollides) {
  for (const std::int64_t S : {1, 2, 5, 10, 20, 31}) {
    const Steps tau = steps(TauKind::quadratic, S);
    for (std::int64_t i = 1; i <= S; ++i)
      ASSERT_EQ(tau[static_cast<std::size_t>(i - 1)], 1000 * i * i / (S * S) - 1) << "S " << S;
  }
}

TEST(Tau, CodeLists) {
  EXPECT_THAT(steps(TauKind::linear_code, 10),
              ElementsAre(0, 100, 200, 300, 400, 500, 600, 700, 800, 900));
  EXPECT_THAT(steps(TauKind::quadratic_code, 10),
              ElementsAre(0, 9, 39, 88, 158, 246, 355, 483, 632, 800));
  EXPECT_THAT(steps(TauKind::quadratic_code, 20),
              ElementsAre(0, 2, 8, 19, 35, 55, 79, 108, 141, 179, 221, 268, 319, 374, 434, 498, 567,
                          640, 718, 800));
}

TEST(Tau, LinearCodeRunsTheWrongNumberOfStepsAndSaysSo) {
  EXPECT_EQ(steps(TauKind::linear_code, 300).size(), 334);
  EXPECT_EQ(steps(TauKind::linear_code, 501).size(), 1000);
  int num_wrong = 0;
  for (std::int64_t S = 1; S <= 1000; ++S) {
    const Tau tau = make_tau(TauKind::linear_code, S, 1000);
    ASSERT_TRUE(strictly_increasing(tau.steps));
    ASSERT_LT(tau.steps.back(), 1000);
    const bool wrong = std::ssize(tau.steps) != S;
    num_wrong += wrong ? 1 : 0;
    if (S > 1) {
      ASSERT_EQ(tau.note.empty(), !wrong) << S;
    }
  }
  EXPECT_EQ(num_wrong, 984);
  EXPECT_THAT(make_tau(TauKind::linear_code, 300, 1000).note, HasSubstr("334 steps where 300"));
}

TEST(Tau, QuadraticCodeLeavesOutDuplicatesAndSaysSo) {
  const std::pair<std::int64_t, std::int64_t> cases[] = {
      {10, 10}, {20, 20}, {50, 49}, {100, 96}, {200, 187}, {500, 422}, {1000, 688}};
  for (const auto& [S, num_distinct] : cases) {
    const Tau tau = make_tau(TauKind::quadratic_code, S, 1000);
    EXPECT_EQ(std::ssize(tau.steps), num_distinct);
    EXPECT_TRUE(strictly_increasing(tau.steps));
    EXPECT_EQ(tau.steps.back(), 800);
    EXPECT_EQ(tau.note.empty(), S == num_distinct);
  }
  EXPECT_THAT(make_tau(TauKind::quadratic_code, 50, 1000).note,
              HasSubstr("49 distinct steps where 50"));
}

TEST(Tau, CodeListsOfOneStepStartAtZeroAndSaySo) {
  for (const TauKind kind : {TauKind::linear_code, TauKind::quadratic_code}) {
    EXPECT_THAT(steps(kind, 1), ElementsAre(0));
    EXPECT_THAT(make_tau(kind, 1, 1000).note, HasSubstr("t = 0"));
  }
}

TEST(Tau, RefusesStepsOutOfRange) {
  for (const TauKind kind :
       {TauKind::linear, TauKind::quadratic, TauKind::linear_code, TauKind::quadratic_code}) {
    for (const std::int64_t S : {-1, 0, 1001})
      expect_error(ErrorCode::user, "expected 1 to 1000", [&] { make_tau(kind, S, 1000); });
    expect_error(ErrorCode::user, "T is 0", [&] { make_tau(kind, 1, 0); });
  }
}

}  // namespace
}  // namespace ddim::diffusion
