#include "data/natural_order.h"

#include <gmock/gmock.h>

#include <algorithm>
#include <string>
#include <vector>

namespace ddim::engine::data {
namespace {

TEST(NaturalOrder, CountsDigitsAsNumbers) {
  std::vector<std::string> names{
      "10", "b2", "2", "b10", "a", "1", "02", "b", "99999999999999999999", "a1b"};
  std::ranges::sort(names, natural_less);
  EXPECT_THAT(names, testing::ElementsAre("1", "02", "2", "10", "99999999999999999999", "a", "a1b",
                                          "b", "b2", "b10"));
  EXPECT_FALSE(natural_less("x1", "x1"));
  EXPECT_TRUE(natural_less("x01", "x1"));
  EXPECT_FALSE(natural_less("x1", "x01"));
}

}  // namespace
}  // namespace ddim::engine::data
