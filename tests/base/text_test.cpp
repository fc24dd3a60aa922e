#include "base/text.h"

#include <gtest/gtest.h>

#include <cstdint>
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

}  // namespace
}  // namespace ddim::engine
