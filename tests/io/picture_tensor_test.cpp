#include "io/picture_tensor.h"

#include "tests/support/expect_error.h"
#include "tests/support/noise.h"
#include "tests/support/temporary_folder.h"

namespace ddim::engine::io {
namespace {

using ::testing::ElementsAre;

FloatImages pictures(std::int64_t channels) {
  return {.count = 2,
          .shape = {.channels = channels, .height = 3, .width = 4},
          .values = test::noise(2 * 3 * 4 * channels)};
}

TEST(PictureTensor, PlanesHoldOneChannelEach) {
  const FloatImages images{.count = 2,
                           .shape = {.channels = 3, .height = 1, .width = 2},
                           .values = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11}};
  EXPECT_THAT(to_planes(images), ElementsAre(0, 3, 1, 4, 2, 5, 6, 9, 7, 10, 8, 11));
}

TEST(PictureTensor, PicturesComeBackFromPlanes) {
  for (const std::int64_t channels : {1, 2, 5}) {
    const FloatImages images = pictures(channels);
    const FloatImages back = from_planes(to_planes(images), images.count, images.shape);
    EXPECT_EQ(back.values, images.values) << channels;
    EXPECT_EQ(back.shape, images.shape);
    EXPECT_EQ(back.count, 2);
    // Element [n,h,w,c] is element [n,c,h,w].
    const std::vector<float> planes = to_planes(images);
    for (std::int64_t n = 0; n < 2; ++n)
      for (std::int64_t pixel = 0; pixel < 12; ++pixel)
        for (std::int64_t c = 0; c < channels; ++c)
          EXPECT_EQ(planes[static_cast<std::size_t>((n * channels + c) * 12 + pixel)],
                    images.values[static_cast<std::size_t>((n * 12 + pixel) * channels + c)]);
  }
}

TEST(PictureTensor, PicturesComeBackFromAFile) {
  const test::TemporaryFolder folder;
  for (const std::int64_t channels : {1, 2, 5}) {
    const FloatImages images = pictures(channels);
    const auto path = folder / (std::to_string(channels) + ".safetensors");
    write_pictures(path, "x_0", images, Overwrite::refuse);
    EXPECT_THAT(SafetensorsFile::open(path).at("x_0").shape, ElementsAre(2, channels, 3, 4));
    const FloatImages back = read_pictures(path, "x_0");
    EXPECT_EQ(back.values, images.values);
    EXPECT_EQ(back.shape, images.shape);
  }
}

TEST(PictureTensor, OfAnotherRankIsRefused) {
  const test::TemporaryFolder folder;
  const std::vector<float> values(6);
  write_safetensors(folder / "a.safetensors", {{.name = "x_0", .shape = {2, 3}, .values = values}},
                    Overwrite::refuse);
  test::expect_error(ErrorCode::corrupt, "tensor x_0 must have 4 axes [N,C,H,W], but has 2",
                     [&] { read_pictures(folder / "a.safetensors", "x_0"); });
}

}  // namespace
}  // namespace ddim::engine::io
