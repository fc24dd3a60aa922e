#include "io/image_grid.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <set>
#include <string>
#include <vector>

#include "io/image_text.h"
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

TEST(MakeGrid, EnlargesPixelsWithGreyBetweenThePictures) {
  const Image grid = make_grid(numbered(2), {.columns = 1, .padding = 1, .scale = 2});
  EXPECT_EQ(grid.width, 6);
  EXPECT_EQ(grid.height, 7);
  constexpr int g = 128;
  EXPECT_THAT(grid.pixels, ElementsAre(g, g, g, g, g, g,      //
                                       g, 1, 1, 101, 101, g,  //
                                       g, 1, 1, 101, 101, g,  //
                                       g, g, g, g, g, g,      //
                                       g, 2, 2, 102, 102, g,  //
                                       g, 2, 2, 102, 102, g,  //
                                       g, g, g, g, g, g));
  EXPECT_THAT(make_grid(numbered(1), {.scale = 2}).pixels,
              ElementsAre(1, 1, 101, 101, 1, 1, 101, 101));
  const std::vector<Image> alpha(2, Image{1, 1, 2, {7, 9}});
  EXPECT_THAT(make_grid(alpha, {.columns = 2, .padding = 1, .scale = 1}).pixels,
              ElementsAre(0, 0, 0, 0, 0, 0, 0, 0, 0, 0,  //
                          0, 0, 7, 9, 0, 0, 7, 9, 0, 0,  //
                          0, 0, 0, 0, 0, 0, 0, 0, 0, 0));
  const Image enlarged = make_grid(alpha, {.columns = 2, .padding = 1, .scale = 2});
  EXPECT_EQ(enlarged.pixels[0], g);
  EXPECT_EQ(enlarged.pixels[1], 255);
  expect_error(ErrorCode::user, HasSubstr("scale must be 1 or greater; got 0"),
               [] { make_grid(numbered(2), {.scale = 0}); });
}

TEST(MakeGrid, AReadableScaleFillsAThousandPixels) {
  const PictureShape small{.channels = 1, .height = 28, .width = 28};
  EXPECT_EQ(readable_scale(1, small), 8);
  EXPECT_EQ(readable_scale(16, small), 8);
  EXPECT_EQ(readable_scale(64, small), 4);
  EXPECT_EQ(readable_scale(64, small, 16), 2);
  EXPECT_EQ(readable_scale(64, small, 1), 1);
  EXPECT_EQ(readable_scale(16, {.channels = 3, .height = 256, .width = 256}), 1);
  EXPECT_EQ(readable_scale(1, {.channels = 3, .height = 2000, .width = 10}), 1);
}

/// Pixels darker than `level` in a rectangle.
std::int64_t num_dark(const Image& image, std::int64_t left, std::int64_t top, std::int64_t width,
                      std::int64_t height) {
  std::int64_t count = 0;
  for (std::int64_t y = top; y < top + height; ++y)
    for (std::int64_t x = left; x < left + width; ++x)
      count += image.pixels[static_cast<std::size_t>((y * image.width + x) * image.channels)] < 50;
  return count;
}

TEST(MakeGrid, HasLabelsInAMarginOfItsOwn) {
  std::vector<Image> pictures(6, {40, 30, 3, std::vector<std::uint8_t>(40 * 30 * 3, 100)});
  const GridOptions plain{.columns = 3, .padding = 2, .scale = 2};
  GridOptions labelled = plain;
  labelled.row_labels = {"S = 10", ""};
  const Image grid = make_grid(pictures, plain);
  const Image rows = make_grid(pictures, labelled);
  ASSERT_EQ(rows.height, grid.height);
  const std::int64_t left = rows.width - grid.width;
  EXPECT_EQ(left, 6 * 6 + 2 * 8);  // 6 letters
  EXPECT_GT(num_dark(rows, 0, 2, left, 60), 40);
  EXPECT_EQ(num_dark(rows, 0, 64, left, 60), 0);
  for (std::int64_t y = 0; y < grid.height; ++y) {
    const auto* expected = &grid.pixels[static_cast<std::size_t>(y * grid.width * 3)];
    const auto* found = &rows.pixels[static_cast<std::size_t>((y * rows.width + left) * 3)];
    ASSERT_TRUE(std::equal(expected, expected + grid.width * 3, found)) << y;
  }
  labelled.column_labels = {"A", "", "C"};
  const Image both = make_grid(pictures, labelled);
  const std::int64_t top = both.height - grid.height;
  EXPECT_EQ(top, 8 + 2 * 8);
  EXPECT_EQ(num_dark(both, left + 2, 0, 80, top), 18) << "the dots of an A";
  EXPECT_EQ(num_dark(both, left + 84, 0, 80, top), 0);

  labelled.row_labels = {"one of two rows"};
  expect_error(ErrorCode::user, HasSubstr("2 rows does not have 1 labels"),
               [&] { make_grid(pictures, labelled); });
}

TEST(LabelledTable, HasLabelsBesideRowsAndAboveColumns) {
  std::vector<Image> cells;
  for (int i = 0; i < 6; ++i)
    cells.push_back({40, 30, 3, std::vector<std::uint8_t>(40 * 30 * 3, 100)});
  const Image table = make_labelled_table(cells, {"row", "r"}, {"A", "", "a label that is cut"});
  // Letters of 5x8 dots and a gap of 8 pixels: 3 letters before, one line above.
  const std::int64_t left = 3 * 6 + 2 * 8, top = 8 + 2 * 8;
  EXPECT_EQ(table.width, left + 3 * 48);
  EXPECT_EQ(table.height, top + 2 * 38);
  EXPECT_EQ(table.channels, 3);
  EXPECT_EQ(num_dark(table, left, 0, 40, top), 18) << "the dots of an A";
  EXPECT_EQ(num_dark(table, left + 48, 0, 40, top), 0);
  EXPECT_GT(num_dark(table, left + 96, 0, 40, top), 30);
  EXPECT_GT(num_dark(table, 0, top, left, 30), num_dark(table, 0, top + 38, left, 30));
  EXPECT_EQ(num_dark(table, left, top, table.width - left, table.height - top), 0);
  for (std::int64_t cell = 0; cell < 6; ++cell) {
    const std::int64_t x = left + cell % 3 * 48, y = top + cell / 3 * 38;
    EXPECT_EQ(table.pixels[static_cast<std::size_t>((y * table.width + x) * 3)], 100);
    EXPECT_EQ(table.pixels[static_cast<std::size_t>(((y + 29) * table.width + x + 39) * 3)], 100);
  }
  expect_error(ErrorCode::user, HasSubstr("2 rows and 2 columns does not have 6 cells"), [&] {
    make_labelled_table(cells, {"a", "b"}, {"c", "d"});
  });
  expect_error(ErrorCode::user, HasSubstr("0 rows"), [&] { make_labelled_table({}, {}, {}); });
}

TEST(ImageText, AllLettersDifferAndStayInTheirCell) {
  std::set<std::vector<std::uint8_t>> seen;
  for (char letter = ' '; letter <= '~'; ++letter) {
    Image image{kTextWidth, kTextHeight, 1, std::vector<std::uint8_t>(kTextWidth * kTextHeight)};
    draw_text(image, 0, 0, std::string(1, letter), 1, 255);
    for (std::int64_t y = 0; y < kTextHeight; ++y)
      EXPECT_EQ(image.pixels[static_cast<std::size_t>(y * kTextWidth + 5)], 0) << letter;
    EXPECT_TRUE(seen.insert(image.pixels).second) << letter;
  }
  Image unknown{kTextWidth, kTextHeight, 1, std::vector<std::uint8_t>(kTextWidth * kTextHeight)};
  draw_text(unknown, 0, 0, "\n", 1, 255);
  EXPECT_FALSE(seen.insert(unknown.pixels).second);
  draw_text(unknown, -3, 5, "cut off on all sides", 3, 9);  // nothing is written beside the picture
}

TEST(MakeGrid, RefusesNoneAndMixedSizes) {
  expect_error(ErrorCode::user, HasSubstr("at least one"), [] { make_grid({}); });
  const std::vector<Image> mixed = {{2, 1, 1, {1, 2}}, {1, 1, 1, {1}}};
  expect_error(ErrorCode::user, HasSubstr("2x1x1 and 1x1x1"), [&] { make_grid(mixed); });
  expect_error(ErrorCode::user, HasSubstr("columns must be 1 or greater; got 0"),
               [] { make_grid(numbered(2), {.columns = 0}); });
  const std::vector<Image> short_of_one = {{2, 1, 1, {1, 2}}, {2, 1, 1, {1}}};
  expect_error(ErrorCode::user,
               HasSubstr("2x1x1 (width, height, channels) does not have 1 samples"),
               [&] { make_grid(short_of_one); });
}

TEST(MakeGrid, RefusesWhatIsTooLargeForAPng) {
  const std::int64_t huge = std::numeric_limits<std::int64_t>::max();
  for (const GridOptions& options : {GridOptions{.scale = 1'000'000}, GridOptions{.padding = huge}})
    expect_error(ErrorCode::user,
                 HasSubstr("a grid of 2 pictures of 2x1 pixels in 2 columns is too"),
                 [&] { make_grid(numbered(2), options); });
  expect_error(ErrorCode::user, HasSubstr("scale must be at most 1000000; got 92233"),
               [&] { make_grid(numbered(2), {.scale = huge}); });
  expect_error(ErrorCode::user, HasSubstr("padding must be 0 or greater; got -1"),
               [&] { check_grid({.channels = 1, .height = 1, .width = 2}, 2, {.padding = -1}); });
  for (const std::int64_t side : {std::int64_t{1'000'001}, huge})
    expect_error(ErrorCode::user, HasSubstr("too large for a PNG"), [&] {
      check_grid({.channels = 1, .height = side, .width = side}, huge, {.columns = huge});
    });
  const std::vector<Image> wide(2, Image{600'000, 1, 1, std::vector<std::uint8_t>(600'000)});
  expect_error(ErrorCode::user,
               HasSubstr("a table of 1 rows and 2 columns of 600000x1 pixels is too"), [&] {
                 make_labelled_table(wide, {"a"}, {"b", "c"});
               });
}

}  // namespace
}  // namespace ddim::engine::io
