#include "eval/interval.h"

#include <gtest/gtest.h>

#include <cmath>
#include <vector>

namespace ddim::engine::eval {
namespace {

// By hand: 1 2 3 6 have mean 3 and squares 4 1 0 9, so the variance of one is 14 / 3 and that of
// their mean a fourth of it.
TEST(MeanInterval, IsOnePointNineSixStandardErrors) {
  const Interval found = mean_interval(std::vector<double>{1, 2, 3, 6});
  EXPECT_DOUBLE_EQ(found.mean, 3.0);
  EXPECT_NEAR(found.half_width_95, 1.96 * std::sqrt(14.0 / 3.0 / 4.0), 1e-12);
}

TEST(MeanInterval, HasNoWidthWhereNothingVaries) {
  const Interval same = mean_interval(std::vector<double>{2.5, 2.5, 2.5, 2.5});
  EXPECT_EQ(same.mean, 2.5);
  EXPECT_EQ(same.half_width_95, 0.0);
  const Interval single = mean_interval(std::vector<double>{7.0});
  EXPECT_EQ(single.mean, 7.0);
  EXPECT_EQ(single.half_width_95, 0.0);
}

}  // namespace
}  // namespace ddim::engine::eval
