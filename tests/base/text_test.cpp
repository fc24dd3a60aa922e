#include "base/text.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstdint>
#include <limits>
#include <vector>

namespace ddim::engine {
namespace {

TEST(Text, ConcatPrintsEachPart) { EXPECT_EQ(concat("a", 1, 'b', 2.5), "a1b2.5"); }

TEST(Text, JoinSeparatesItems) {
  EXPECT_EQ(join(std::vector<std::string>{}, ", "), "");
  EXPECT_EQ(join(std::vector<std::string>{"unet"}, ", "), "unet");
  EXPECT_EQ(join(std::vector<std::int64_t>{1, 2, 30}, "x"), "1x2x30");
}

TEST(Text, JoinTakesATextForEachItem) {
  EXPECT_EQ(join(std::vector<double>{0.1, 2.0}, " ", number_text), "0.1 2");
}

TEST(Text, NumberIsTheShortestThatReadsBack) {
  EXPECT_EQ(number_text(0.1), "0.1");
  EXPECT_EQ(number_text(1.0 / 3.0), "0.3333333333333333");
  EXPECT_EQ(number_text(50.0), "50");
}

// What divides zero by zero has a sign, which says nothing.
TEST(Text, NaNIsShownWithoutASign) {
  const double nan = -std::numeric_limits<double>::quiet_NaN();
  ASSERT_TRUE(std::signbit(nan));
  EXPECT_EQ(concat("loss ", nan, " ", static_cast<float>(nan)), "loss nan nan");
  EXPECT_EQ(number_text(nan), "nan");
  EXPECT_EQ(join(std::vector<double>{-1.0, nan}, " "), "-1 nan");
}

struct WithoutMemory {};
std::ostream& operator<<(std::ostream&, const WithoutMemory&) { throw std::bad_alloc(); }

// A stream takes what is thrown for the end of its text.
TEST(Concat, WithoutMemoryIsNoShorterText) {
  EXPECT_THROW(concat("a", WithoutMemory(), "b"), std::bad_alloc);
  EXPECT_THROW(join(std::array<WithoutMemory, 2>(), ","), std::bad_alloc);
}

}  // namespace
}  // namespace ddim::engine
