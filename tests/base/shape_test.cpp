#include "base/shape.h"

#include <gtest/gtest.h>

#include "base/error.h"

namespace ddim::engine {
namespace {

TEST(Shape, KnowsItsSizeAndText) {
  const Shape shape{16, 32, 32, 3};
  EXPECT_EQ(shape.rank(), 4);
  EXPECT_EQ(shape[3], 3);
  EXPECT_EQ(shape.size(), 49152);
  EXPECT_EQ(to_string(shape), "[16,32,32,3]");
  EXPECT_EQ(Shape().size(), 1);
  EXPECT_EQ(to_string(Shape()), "[]");
  EXPECT_EQ((Shape{5, 0, 2}).size(), 0);
}

TEST(Shape, ComparesRankAndAxes) {
  EXPECT_EQ((Shape{2, 3}), (Shape{2, 3}));
  EXPECT_NE((Shape{2, 3}), (Shape{3, 2}));
  EXPECT_NE((Shape{2}), (Shape{2, 1}));
  EXPECT_NE((Shape{2}), (Shape{2, 0}));
}

TEST(Shape, WithChangesOneAxisOfACopy) {
  const Shape shape{2, 3, 4};
  EXPECT_EQ(shape.with(1, 7), (Shape{2, 7, 4}));
  EXPECT_EQ(shape, (Shape{2, 3, 4}));
}

TEST(Shape, RefusesWhatIsNoShape) {
  EXPECT_THROW((Shape{2, -1}), Error);
  EXPECT_NO_THROW((Shape{1, 1, 1, 1, 1, 1}));
  EXPECT_THROW((Shape{1, 1, 1, 1, 1, 1, 1}), Error);
}

// Asserts are there in every build (docs/adr/0023-asserts.md).
TEST(ShapeDeathTest, AnAxisThatIsNotThereIsFound) {
  EXPECT_DEATH((Shape{2, 3}.with(2, 7)), "axis < rank_");
}

}  // namespace
}  // namespace ddim::engine
