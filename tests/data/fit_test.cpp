#include "data/fit.h"

#include "tests/support/expect_error.h"

namespace ddim::engine::data {
namespace {

using test::expect_error;
using ::testing::Each;
using ::testing::ElementsAre;

Images grey(std::int64_t height, std::int64_t width, std::vector<std::uint8_t> pixels) {
  return {.count = static_cast<std::int64_t>(pixels.size()) / (height * width),
          .height = height,
          .width = width,
          .channels = 1,
          .pixels = std::move(pixels)};
}

TEST(Fit, PadCentresAndFillsWithZeroBytes) {
  const Images padded = fit_to(grey(2, 2, {1, 2, 3, 4, 5, 6, 7, 8}), Fit::pad, 4, 4, "f");
  EXPECT_EQ(padded.count, 2);
  EXPECT_THAT(padded[0], ElementsAre(0, 0, 0, 0, 0, 1, 2, 0, 0, 3, 4, 0, 0, 0, 0, 0));
  EXPECT_THAT(padded[1], ElementsAre(0, 0, 0, 0, 0, 5, 6, 0, 0, 7, 8, 0, 0, 0, 0, 0));
}

TEST(Fit, PadPutsTheOddPixelAtTheEnd) {
  EXPECT_THAT(fit_to(grey(2, 2, {1, 2, 3, 4}), Fit::pad, 3, 3, "f").pixels,
              ElementsAre(1, 2, 0, 3, 4, 0, 0, 0, 0));
}

TEST(Fit, NoneRefusesAnotherSize) {
  EXPECT_EQ(fit_to(grey(2, 2, {1, 2, 3, 4}), Fit::none, 2, 2, "f").pixels.size(), 4U);
  expect_error(ErrorCode::user, "f: images are 2x2, not 4x4 (width, height)", [] {
    fit_to(grey(2, 2, {1, 2, 3, 4}), Fit::none, 4, 4, "f");
  });
  expect_error(ErrorCode::user, "too large to be padded to 1x1", [] {
    fit_to(grey(2, 2, {1, 2, 3, 4}), Fit::pad, 1, 1, "f");
  });
}

TEST(Fit, CropTakesTheCentredSquare) {
  EXPECT_THAT(fit_to(grey(1, 3, {1, 2, 3}), Fit::crop_resize, 1, 1, "f").pixels, ElementsAre(2));
  EXPECT_THAT(fit_to(grey(4, 2, {1, 2, 3, 4, 5, 6, 7, 8}), Fit::crop_resize, 2, 2, "f").pixels,
              ElementsAre(3, 4, 5, 6));
}

TEST(Fit, PadCentresInARectangle) {
  EXPECT_THAT(fit_to(grey(1, 2, {1, 2}), Fit::pad, 2, 5, "f").pixels,
              ElementsAre(0, 1, 2, 0, 0, 0, 0, 0, 0, 0));
  expect_error(ErrorCode::user, "images are 2x1, too large to be padded to 1x4", [] {
    fit_to(grey(1, 2, {1, 2}), Fit::pad, 4, 1, "f");
  });
  expect_error(ErrorCode::user, "images are 2x1, not 1x2 (width, height)", [] {
    fit_to(grey(1, 2, {1, 2}), Fit::none, 2, 1, "f");
  });
}

TEST(Fit, CropTakesThePartOfTheWantedProportions) {
  // Of 4 x 4, rows 1 and 2 have the proportions 1:2.
  std::vector<std::uint8_t> rows{1, 1, 1, 1, 2, 2, 4, 4, 6, 6, 8, 8, 9, 9, 9, 9};
  EXPECT_THAT(fit_to(grey(4, 4, rows), Fit::crop_resize, 1, 2, "f").pixels, ElementsAre(4, 6));
  // Of 2 x 6, the four columns in the middle; nothing is resized.
  EXPECT_THAT(
      fit_to(grey(2, 6, {0, 1, 2, 3, 4, 5, 10, 11, 12, 13, 14, 15}), Fit::crop_resize, 2, 4, "f")
          .pixels,
      ElementsAre(1, 2, 3, 4, 11, 12, 13, 14));
  // A picture of the wanted proportions is resized as a whole.
  EXPECT_EQ(fit_to(grey(2, 4, {0, 10, 20, 30, 40, 50, 60, 70}), Fit::crop_resize, 1, 2, "f").pixels,
            resize(grey(2, 4, {0, 10, 20, 30, 40, 50, 60, 70}), 1, 2).pixels);
}

TEST(Resize, ShrinkingTakesAreaMeans) {
  EXPECT_THAT(resize(grey(2, 4, {0, 10, 20, 30, 40, 50, 60, 70}), 1, 2).pixels,
              ElementsAre(25, 45));
  // 3 -> 2: each output covers one and a half pixels.
  EXPECT_THAT(resize(grey(1, 3, {0, 90, 30}), 1, 2).pixels, ElementsAre(30, 50));
}

TEST(Resize, EnlargingInterpolatesBetweenCentres) {
  EXPECT_THAT(resize(grey(1, 2, {0, 100}), 1, 4).pixels, ElementsAre(0, 25, 75, 100));
  EXPECT_THAT(resize(grey(1, 1, {7}), 2, 3).pixels, Each(7));
}

TEST(Resize, KeepsAConstantAndTheChannelsApart) {
  Images images{.count = 1, .height = 7, .width = 5, .channels = 3, .pixels = {}};
  for (int i = 0; i < 35; ++i) images.pixels.insert(images.pixels.end(), {11, 200, 255});
  for (const std::int64_t side : {1, 2, 3, 4, 6, 9, 64}) {
    const Images resized = resize(images, side, side);
    ASSERT_EQ(resized.pixels.size(), static_cast<std::size_t>(side * side * 3));
    for (std::size_t i = 0; i < resized.pixels.size(); i += 3)
      EXPECT_THAT(std::span(resized.pixels).subspan(i, 3), ElementsAre(11, 200, 255)) << side;
  }
}

TEST(Fit, ValuesKeepTheirPrecision) {
  const Images fine{.count = 1, .height = 1, .width = 2, .channels = 1, .values = {0.001F, 0.002F}};
  EXPECT_NEAR(resize(fine, 1, 1).values[0], 0.0015F, 1e-7F);
  EXPECT_EQ(fit_to(fine, Fit::pad, 1, 4, "f").values,
            (std::vector<float>{-1.0F, 0.001F, 0.002F, -1.0F}));
}

}  // namespace
}  // namespace ddim::engine::data
