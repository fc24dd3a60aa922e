#include "eval/interval.h"

#include <gtest/gtest.h>

#include <cmath>
#include <utility>
#include <vector>

namespace ddim::engine::eval {
namespace {

// From the tables of Student's t, and the normal distribution's 1.96.
TEST(StudentT, IsThatOfTheTables) {
  for (const auto& [degrees, expected] :
       {std::pair{1, 12.7062047364}, std::pair{2, 4.3026527297}, std::pair{3, 3.1824463053},
        std::pair{7, 2.3646242516}, std::pair{15, 2.1314495456}, std::pair{99, 1.9842169516},
        std::pair{100, 1.9839715185}, std::pair{101, 1.9837310030}, std::pair{1000, 1.9623390808}})
    EXPECT_NEAR(student_t_975(degrees), expected, 1e-8) << degrees;
  EXPECT_NEAR(student_t_975(1'000'000'000), 1.9599639845, 1e-8);
}

// By hand: 1 2 3 6 have mean 3 and squares 4 1 0 9, so the variance of one is 14 / 3 and that of
// their mean a fourth of it.
TEST(MeanInterval, IsAsManyStandardErrorsAsStudentSays) {
  const Interval found = mean_interval(std::vector<double>{1, 2, 3, 6});
  EXPECT_DOUBLE_EQ(found.mean, 3.0);
  EXPECT_NEAR(found.half_width_95, 3.182446305284263 * std::sqrt(14.0 / 3.0 / 4.0), 1e-9);
}

TEST(MeanInterval, HasNoWidthWhereNothingVaries) {
  const Interval same = mean_interval(std::vector<double>{2.5, 2.5, 2.5, 2.5});
  EXPECT_EQ(same.mean, 2.5);
  EXPECT_EQ(same.half_width_95, 0.0);
  const Interval single = mean_interval(std::vector<double>{7.0});
  EXPECT_EQ(single.mean, 7.0);
  EXPECT_TRUE(std::isnan(single.half_width_95));  // nobody knows how much it varies
}

}  // namespace
}  // namespace ddim::engine::eval
