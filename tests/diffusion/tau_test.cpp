#include "diffusion/tau.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "tests/support/expect_error.h"

namespace ddim::engine::diffusion {
namespace {

using test::expect_error;

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
        const VisitedSteps tau = make_tau(kind, S, T);
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
    const VisitedSteps tau = make_tau(TauKind::linear_code, S, 1000);
    ASSERT_TRUE(strictly_increasing(tau.steps));
    ASSERT_LT(tau.steps.back(), 1000);
    const bool wrong = std::ssize(tau.steps) != S;
    num_wrong += wrong ? 1 : 0;
    if (S > 1) {
      ASSERT_EQ(tau.note.empty(), !wrong) << S;
    }
  }
  EXPECT_EQ(num_wrong, 984);
  EXPECT_THAT(make_tau(TauKind::linear_code, 300, 1000).note, HasSubstr("334 steps, not the 300"));
}

TEST(Tau, QuadraticCodeLeavesOutDuplicatesAndSaysSo) {
  const std::pair<std::int64_t, std::int64_t> cases[] = {
      {10, 10}, {20, 20}, {50, 49}, {100, 96}, {200, 187}, {500, 422}, {1000, 688}};
  for (const auto& [S, num_distinct] : cases) {
    const VisitedSteps tau = make_tau(TauKind::quadratic_code, S, 1000);
    EXPECT_EQ(std::ssize(tau.steps), num_distinct);
    EXPECT_TRUE(strictly_increasing(tau.steps));
    EXPECT_EQ(tau.steps.back(), 800);
    EXPECT_EQ(tau.note.empty(), S == num_distinct);
  }
  EXPECT_THAT(make_tau(TauKind::quadratic_code, 50, 1000).note,
              HasSubstr("49 distinct steps, not the 50"));
}

TEST(Tau, CodeListsOfOneStepStartAtZeroAndSaySo) {
  for (const TauKind kind : {TauKind::linear_code, TauKind::quadratic_code}) {
    EXPECT_THAT(steps(kind, 1), ElementsAre(0));
    EXPECT_THAT(make_tau(kind, 1, 1000).note, HasSubstr("t = 0"));
  }
}

TEST(Tau, ListsWithOneRuleAreWholeForEveryNumberOfSteps) {
  struct Named {
    TauKind kind;
    bool starts_at_0, ends_at_last;
  };
  const Named kinds[] = {{TauKind::trailing, false, true},
                         {TauKind::leading, true, false},
                         {TauKind::linspace, true, true}};
  for (const auto& [kind, starts_at_0, ends_at_last] : kinds) {
    for (const std::int64_t T : {1, 2, 37, 1000}) {
      for (std::int64_t S = 1; S <= T; ++S) {
        const VisitedSteps tau = make_tau(kind, S, T);
        ASSERT_EQ(std::ssize(tau.steps), S);
        ASSERT_TRUE(strictly_increasing(tau.steps)) << to_string(kind) << " S " << S << " T " << T;
        ASSERT_GE(tau.steps.front(), 0);
        ASSERT_LT(tau.steps.back(), T);
        if (ends_at_last) {
          ASSERT_EQ(tau.steps.back(), T - 1) << to_string(kind) << " S " << S;
        }
        if (starts_at_0 && S > 1) {
          ASSERT_EQ(tau.steps.front(), 0) << to_string(kind) << " S " << S;
        }
        ASSERT_FALSE(tau.stride.has_value());
      }
    }
  }
  EXPECT_THAT(steps(TauKind::trailing, 7), ElementsAre(142, 285, 428, 570, 713, 856, 999));
  EXPECT_THAT(steps(TauKind::leading, 3), ElementsAre(0, 333, 666));
  EXPECT_THAT(steps(TauKind::linspace, 7), ElementsAre(0, 167, 333, 500, 666, 833, 999));
}

/// FNV-1a over 64-bit words: of all entries, and one more after each list.
std::uint64_t hash_of_all_lists(TauKind kind) {
  std::uint64_t hash = 1469598103934665603ULL;
  const auto add = [&](std::uint64_t word) { hash = (hash ^ word) * 1099511628211ULL; };
  for (std::int64_t S = 1; S <= 1000; ++S) {
    for (const std::int64_t t : make_tau(kind, S, 1000).steps) add(static_cast<std::uint64_t>(t));
    add(0xfffffffffffffffULL);
  }
  return hash;
}

// The lists of diffusers 0.42.1 for S = 1..1000, without t = -1.
TEST(Tau, DiffusersListsAreDiffusersListsToTheDigit) {
  EXPECT_EQ(hash_of_all_lists(TauKind::diffusers_leading), 13264279817510734470ULL);
  EXPECT_EQ(hash_of_all_lists(TauKind::diffusers_trailing), 534450106331038599ULL);
  EXPECT_EQ(hash_of_all_lists(TauKind::diffusers_linspace), 8732761450040738874ULL);
  EXPECT_THAT(steps(TauKind::diffusers_linspace, 7), ElementsAre(0, 166, 333, 500, 666, 832, 999));
  EXPECT_EQ(make_tau(TauKind::diffusers_linspace, 7, 1000).stride, 142);
}

TEST(Tau, DiffusersListsSayWhatIsOddAboutThem) {
  EXPECT_EQ(make_tau(TauKind::diffusers_leading, 10, 1000).note, "");
  EXPECT_THAT(make_tau(TauKind::diffusers_linspace, 7, 1000).note,
              HasSubstr("the step at t = 166 leads to 24 although the next one is at 0"));
  EXPECT_THAT(make_tau(TauKind::diffusers_trailing, 61, 1000).note, HasSubstr("t = -1"));
}

TEST(Tau, StepsOffset) {
  EXPECT_THAT(make_tau(TauKind::diffusers_leading, 5, 1000, 1).steps,
              ElementsAre(1, 201, 401, 601, 801));
  // The crash at S = 1000 that users of diffusers know.
  expect_error(ErrorCode::user, "goes up to t = 1000; expected at most 999",
               [] { make_tau(TauKind::diffusers_leading, 1000, 1000, 1); });
  expect_error(ErrorCode::user, "steps_offset works only with tau diffusers-leading; got 1",
               [] { make_tau(TauKind::linear, 5, 1000, 1); });
  expect_error(ErrorCode::user, "steps_offset: -1",
               [] { make_tau(TauKind::diffusers_leading, 5, 1000, -1); });
}

TEST(Tau, RefusesStepsOutOfRange) {
  for (const Named<TauKind>& named : Names<TauKind>::all()) {
    const TauKind kind = named.value;
    for (const std::int64_t S : {-1, 0, 1001})
      expect_error(ErrorCode::user, "steps must be between 1 and 1000 (the training steps); got ",
                   [&] { make_tau(kind, S, 1000); });
    expect_error(ErrorCode::user, "T is 0", [&] { make_tau(kind, 1, 0); });
  }
}

}  // namespace
}  // namespace ddim::engine::diffusion
