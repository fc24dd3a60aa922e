#include "io/webp.h"

#include <ddim/error.h>
#include <gtest/gtest.h>
#include <webp/demux.h>

#include <memory>

namespace ddim::engine::io {
namespace {

Image picture(std::uint8_t first, std::int64_t channels) {
  Image image{.width = 5, .height = 3, .channels = channels, .pixels = {}};
  for (std::size_t i = 0; i < image.num_samples(); ++i)
    image.pixels.push_back(static_cast<std::uint8_t>(first + 13 * i));
  return image;
}

struct Frame {
  int end_ms;
  Image rgb;
};

std::vector<Frame> decode(const std::vector<std::byte>& bytes) {
  const WebPData data{reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size()};
  const std::unique_ptr<WebPAnimDecoder, decltype(&WebPAnimDecoderDelete)> decoder(
      WebPAnimDecoderNew(&data, nullptr), &WebPAnimDecoderDelete);
  std::vector<Frame> frames;
  if (decoder == nullptr) return frames;
  WebPAnimInfo info;
  WebPAnimDecoderGetInfo(decoder.get(), &info);
  EXPECT_EQ(info.loop_count, 0U);
  while (WebPAnimDecoderHasMoreFrames(decoder.get()) != 0) {
    std::uint8_t* rgba = nullptr;
    int end_ms = 0;
    if (WebPAnimDecoderGetNext(decoder.get(), &rgba, &end_ms) == 0) break;
    const Image image{.width = info.canvas_width,
                      .height = info.canvas_height,
                      .channels = 4,
                      .pixels = std::vector<std::uint8_t>(
                          rgba, rgba + 4 * info.canvas_width * info.canvas_height)};
    frames.push_back({end_ms, convert_channels(image, Channels::rgb)});
  }
  return frames;
}

TEST(WebpAnimation, ShowsEveryPictureToTheBit) {
  const std::vector<Image> pictures = {picture(0, 3), picture(100, 3), picture(50, 3)};
  const std::vector<Frame> frames = decode(encode_webp_animation(pictures, 120));
  ASSERT_EQ(frames.size(), 3U);
  for (std::size_t i = 0; i < 3; ++i) {
    EXPECT_EQ(frames[i].rgb, pictures[i]) << i;
    EXPECT_EQ(frames[i].end_ms, 120 * (static_cast<int>(i) + 1));
  }
}

TEST(WebpAnimation, ShowsGreyPictures) {
  const std::vector<Image> pictures = {picture(7, 1), picture(9, 1)};
  const std::vector<Frame> frames = decode(encode_webp_animation(pictures, 50));
  ASSERT_EQ(frames.size(), 2U);
  EXPECT_EQ(frames[1].rgb, convert_channels(pictures[1], Channels::rgb));
}

TEST(WebpAnimation, RefusesWhatIsNoFilm) {
  EXPECT_THROW(encode_webp_animation({}, 100), Error);
  std::vector<Image> pictures = {picture(0, 3), picture(0, 3)};
  EXPECT_THROW(encode_webp_animation(pictures, 0), Error);
  pictures[1].height = 1;
  pictures[1].pixels.resize(15);
  EXPECT_THROW(encode_webp_animation(pictures, 100), Error);
}

}  // namespace
}  // namespace ddim::engine::io
