#include "io/image_grid.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <vector>

#include "tests/support/expect_error.h"

namespace ddim::engine::io {
namespace {

using ddim::test::expect_error;
using testing::ElementsAre;
using testing::HasSubstr;

TEST(ToBytes, RoundsAsSaveImageDoes) {
  // 255 * (x + 1) / 2 + 0.5, cut: 127.5 goes up; what lies outside is clamped.
  const std::vector<float> x = {-1.0F,   1.0F,      0.0F,     -2.0F, 7.0F,
                                -0.997F, -INFINITY, INFINITY, 0.5F,  -0.996F};
  const Image image = to_bytes(x, 2, 5, 1);
  EXPECT_EQ(image.width, 5);
  EXPECT_EQ(image.height, 2);
  EXPECT_THAT(image.pixels, ElementsAre(0, 255, 128, 0, 255, 0, 0, 255, 191, 1));
}

TEST(ToBytes, KeepsEveryByteOfAPicture) {
  std::vector<float> x;
  for (int i = 0; i < 256; ++i) x.push_back(static_cast<float>(i) / 127.5F - 1.0F);
  const Image image = to_bytes(x, 16, 16, 1);
  for (int i = 0; i < 256; ++i) EXPECT_EQ(image.pixels[static_cast<std::size_t>(i)], i);
}

TEST(ToBytes, RefusesNanAndWrongSizes) {
  const std::vector<float> x = {0, 0, std::numeric_limits<float>::quiet_NaN(), 0};
  expect_error(ErrorCode::numeric, HasSubstr("value 2"), [&] { to_bytes(x, 2, 2, 1); });
  expect_error(ErrorCode::user, HasSubstr("4 values"), [&] { to_bytes(x, 2, 2, 3); });
  expect_error(ErrorCode::user, HasSubstr("0 values"), [&] { to_bytes({}, 0, 0, 0); });
}

std::vector<Image> numbered(int count) {
  std::vector<Image> images;
  for (int i = 1; i <= count; ++i) {
    const auto value = static_cast<std::uint8_t>(i);
    images.push_back({2, 1, 1, {value, static_cast<std::uint8_t>(100 + i)}});
  }
  return images;
}

TEST(MakeGrid, PlacesPicturesRowByRow) {
  const Image grid = make_grid(numbered(3), {.columns = 2, .padding = 1});
  EXPECT_EQ(grid.width, 7);
  EXPECT_EQ(grid.height, 5);
  EXPECT_THAT(grid.pixels, ElementsAre(0, 0, 0, 0, 0, 0, 0,      //
                                       0, 1, 101, 0, 2, 102, 0,  //
                                       0, 0, 0, 0, 0, 0, 0,      //
                                       0, 3, 103, 0, 0, 0, 0,    //
                                       0, 0, 0, 0, 0, 0, 0));
}

TEST(MakeGrid, ChoosesASquareAndKeepsASinglePicture) {
  const Image grid = make_grid(numbered(64));
  EXPECT_EQ(grid.width, 8 * 4 + 2);
  EXPECT_EQ(grid.height, 8 * 3 + 2);
  EXPECT_EQ(make_grid(numbered(5)).width, 3 * 4 + 2);
  EXPECT_EQ(make_grid(numbered(5)).height, 2 * 3 + 2);
  EXPECT_EQ(make_grid(numbered(1)), numbered(1)[0]);
  EXPECT_EQ(make_grid(numbered(2), {.columns = 10}).width, 2 * 4 + 2);
  const std::vector<Image> colour(2, Image{1, 1, 3, {1, 2, 3}});
  EXPECT_THAT(make_grid(colour, {.columns = 2, .padding = 0}).pixels,
              ElementsAre(1, 2, 3, 1, 2, 3));
}

TEST(MakeGrid, RefusesNoneAndMixedSizes) {
  expect_error(ErrorCode::user, HasSubstr("at least one"), [] { make_grid({}); });
  const std::vector<Image> mixed = {{2, 1, 1, {1, 2}}, {1, 1, 1, {1}}};
  expect_error(ErrorCode::user, HasSubstr("2x1x1 and 1x1x1"), [&] { make_grid(mixed); });
  expect_error(ErrorCode::user, HasSubstr("columns must be 1 or greater; got 0"),
               [] { make_grid(numbered(2), {.columns = 0}); });
}

}  // namespace
}  // namespace ddim::engine::io
