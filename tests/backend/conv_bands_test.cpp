// The pieces that a convolution is cut into: together they write each row of the output once, and
// each sees exactly the rows of the input that the whole convolution would show it.
#include <gtest/gtest.h>

#include "backend/cpu/conv_primitives.h"

namespace ddim::engine::cpu {
namespace {

ConvShape image_of(std::int64_t rows, std::int64_t kernel, std::int64_t stride,
                   std::int64_t pad_begin, std::int64_t pad_end) {
  return {.in_rows = rows,
          .in_cols = rows,
          .in_channels = 3,
          .out_rows = (rows + pad_begin + pad_end - kernel) / stride + 1,
          .out_cols = (rows + pad_begin + pad_end - kernel) / stride + 1,
          .out_channels = 5,
          .kernel = kernel,
          .stride = stride,
          .pad_top = pad_begin,
          .pad_bottom = pad_end,
          .pad_left = pad_begin,
          .pad_right = pad_end};
}

void expect_exact_cut(const ConvShape& image) {
  std::int64_t next_row = 0;
  for (const ConvBand& band : conv_bands(image)) {
    const ConvShape& s = band.shape;
    EXPECT_EQ(band.first_out_row, next_row);
    next_row += s.out_rows;
    EXPECT_GT(s.in_rows, 0);
    EXPECT_LE(band.first_in_row + s.in_rows, image.in_rows);
    // The first row of the window of the band's first output row, in the image and in the band.
    EXPECT_EQ(band.first_out_row * image.stride - image.pad_top, band.first_in_row - s.pad_top);
    EXPECT_EQ((s.in_rows + s.pad_top + s.pad_bottom - s.kernel) / s.stride + 1, s.out_rows);
    // Padding stands for rows outside the image only.
    EXPECT_TRUE(s.pad_top == 0 || band.first_in_row == 0);
    EXPECT_TRUE(s.pad_bottom == 0 || band.first_in_row + s.in_rows == image.in_rows);
  }
  EXPECT_EQ(next_row, image.out_rows);
}

TEST(ConvBands, CoverTheOutputExactly) {
  for (std::int64_t rows = 1; rows <= 40; ++rows) {
    SCOPED_TRACE(rows);
    expect_exact_cut(image_of(rows, 3, 1, 1, 1));
    expect_exact_cut(image_of(rows, 1, 1, 0, 0));
    expect_exact_cut(image_of(rows, 3, 2, 1, 1));
    if (rows > 1) expect_exact_cut(image_of(rows, 3, 2, 0, 1));
  }
}

TEST(ConvBands, GiveFourThreadsWorkInOneImageOf32Rows) {
  EXPECT_EQ(conv_bands(image_of(32, 3, 1, 1, 1)).size(), 4);
  EXPECT_EQ(conv_bands(image_of(4, 3, 1, 1, 1)).size(), 2);
}

}  // namespace
}  // namespace ddim::engine::cpu
