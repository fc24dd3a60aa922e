#include "data/images.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace ddim::engine::data {
namespace {

using ::testing::ElementsAre;

TEST(ToFloats, ScalesBytesToMinusOneToOne) {
  const Images images{
      .count = 2, .height = 1, .width = 3, .channels = 1, .pixels = {9, 9, 9, 0, 51, 255}};
  std::vector<float> out(3);
  to_floats(images, 1, Flip::no, out);
  EXPECT_THAT(out, ElementsAre(-1.0F, 51.0F / 127.5F - 1.0F, 1.0F));
}

TEST(ToFloats, FlipMirrorsColumnsAndKeepsChannels) {
  const Images images{.count = 1,
                      .height = 2,
                      .width = 2,
                      .channels = 3,
                      .pixels = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11}};
  std::vector<float> plain(12), flipped(12);
  to_floats(images, 0, Flip::no, plain);
  to_floats(images, 0, Flip::horizontal, flipped);
  const std::vector<std::size_t> expected{3, 4, 5, 0, 1, 2, 9, 10, 11, 6, 7, 8};
  for (std::size_t i = 0; i < expected.size(); ++i) EXPECT_EQ(flipped[i], plain[expected[i]]) << i;
}

TEST(Append, KeepsBytesUnlessOneSideHasFinerValues) {
  const Images bytes{.count = 1, .height = 1, .width = 2, .channels = 1, .pixels = {0, 255}};
  const Images fine{.count = 1, .height = 1, .width = 2, .channels = 1, .values = {0.25F, -0.001F}};
  Images all;
  append(all, bytes);
  append(all, bytes);
  EXPECT_EQ(all.pixels, (std::vector<std::uint8_t>{0, 255, 0, 255}));
  append(all, fine);
  append(all, bytes);
  EXPECT_EQ(all.count, 4);
  EXPECT_FALSE(all.has_bytes());
  EXPECT_EQ(to_floats(all, 4).values, (std::vector<float>{-1, 1, -1, 1, 0.25F, -0.001F, -1, 1}));
  std::vector<float> mirrored(2);
  to_floats(all, 2, Flip::horizontal, mirrored);
  EXPECT_EQ(mirrored, (std::vector<float>{-0.001F, 0.25F}));
}

}  // namespace
}  // namespace ddim::engine::data
