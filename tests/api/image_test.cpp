#include <ddim/ddim.h>
#include <gtest/gtest.h>

#include <limits>

#include "tests/support/temporary_folder.h"

namespace ddim::api_test {
namespace {

// 2 images of 3 channels and 1x2 pixels: element i is i/6 - 1.
FloatImages ramp() {
  FloatImages images{.count = 2, .shape = {.channels = 3, .height = 1, .width = 2}};
  for (int i = 0; i < 12; ++i) images.values.push_back(static_cast<float>(i) / 6.0F - 1.0F);
  return images;
}

TEST(Image, RoundsItsPixelsToBytes) {
  // Image 1 is 0, 1/6, 1/3; 1/2, 2/3, 5/6.
  const Image image = to_image(ramp(), 1);
  EXPECT_EQ(image.height, 1);
  EXPECT_EQ(image.width, 2);
  EXPECT_EQ(image.pixels, (std::vector<std::uint8_t>{128, 149, 170, 191, 213, 234}));
}

TEST(Image, RefusesWhatIsNoImage) {
  FloatImages images = ramp();
  EXPECT_THROW(to_image(images, 2), Error);
  images.values[7] = std::numeric_limits<float>::quiet_NaN();
  EXPECT_NO_THROW(to_image(images, 0));
  try {
    to_image(images, 1);
    FAIL() << "NaN became a picture";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::numeric);
  }
  images.values.pop_back();
  EXPECT_THROW(to_image(images, 0), Error);
}

TEST(Image, ComesBackFromAPngWithItsText) {
  const test::TemporaryFolder folder;
  const Image image = to_image(ramp(), 0);
  write_png(folder / "a.png", image, {.text = {{"model", "none \xC3\xA4"}}});
  EXPECT_EQ(read_png(folder / "a.png").pixels, image.pixels);
  EXPECT_EQ(read_png_text(folder / "a.png").at("model"), "none \xC3\xA4");
  EXPECT_THROW(write_png(folder / "a.png", image), Error);
  EXPECT_NO_THROW(write_png(folder / "a.png", image, {.overwrite = Overwrite::allow}));
}

TEST(Image, GridsKeepTheirPicturesApart) {
  const Image image{.width = 1, .height = 1, .channels = 1, .pixels = {255}};
  const Image grid = make_grid(std::vector<Image>{image, image}, {.columns = 2, .padding = 1});
  EXPECT_EQ(grid.width, 5);
  EXPECT_EQ(grid.height, 3);
  const std::vector<std::uint8_t> middle(grid.pixels.begin() + 5, grid.pixels.begin() + 10);
  EXPECT_EQ(middle, (std::vector<std::uint8_t>{0, 255, 0, 255, 0}));
  EXPECT_THROW(make_grid({}), Error);
}

TEST(Tensors, ComeBackFromAFile) {
  const test::TemporaryFolder folder;
  write_tensor(folder / "a.safetensors", "x_0", ramp());
  const FloatImages back = read_tensor(folder / "a.safetensors", "x_0");
  EXPECT_EQ(back.values, ramp().values);
  EXPECT_EQ(back.shape.channels, 3);
  EXPECT_EQ(back.shape.width, 2);
  EXPECT_THROW(read_tensor(folder / "a.safetensors", "x_T"), Error);
  EXPECT_THROW(write_tensor(folder / "a.safetensors", "x_0", ramp()), Error);
}

}  // namespace
}  // namespace ddim::api_test
