#include "io/webp.h"

#include <webp/encode.h>
#include <webp/mux.h>

#include <cstring>
#include <memory>

#include "base/error.h"

namespace ddim::engine::io {
namespace {

using Encoder = std::unique_ptr<WebPAnimEncoder, decltype(&WebPAnimEncoderDelete)>;

/// libwebp's picture, freed in the end.
struct Picture : WebPPicture {
  Picture() : WebPPicture() {
    if (WebPPictureInit(this) == 0) throw std::bad_alloc();
  }
  Picture(const Picture&) = delete;
  Picture& operator=(const Picture&) = delete;
  ~Picture() { WebPPictureFree(this); }
};

struct Data : WebPData {
  Data() : WebPData() { WebPDataInit(this); }
  Data(const Data&) = delete;
  Data& operator=(const Data&) = delete;
  ~Data() { WebPDataClear(this); }
};

void check(std::span<const Image> frames, int frame_ms) {
  require(!frames.empty(), "animation: no pictures");
  require(frame_ms >= 10 && frame_ms <= 10'000, "animation: ", frame_ms,
          " ms for each picture; expected 10 to 10000 ms");
  const Image& first = frames.front();
  require(first.width >= 1 && first.height >= 1 && first.width <= WEBP_MAX_DIMENSION &&
              first.height <= WEBP_MAX_DIMENSION,
          "animation: pictures of ", first.width, "x", first.height, "; expected 1 to ",
          WEBP_MAX_DIMENSION);
  for (const Image& frame : frames) {
    require(frame.width == first.width && frame.height == first.height, "animation: a picture of ",
            frame.width, "x", frame.height, " among pictures of ", first.width, "x", first.height);
    require(frame.channels >= 1 && frame.channels <= 4, "animation: a picture of ", frame.channels,
            " channels; expected 1 to 4");
  }
}

void add(WebPAnimEncoder& encoder, const Image& frame, int timestamp_ms, const WebPConfig& config) {
  const bool has_alpha = frame.channels == 2 || frame.channels == 4;
  const Image colour = convert_channels(frame, has_alpha ? Channels::rgba : Channels::rgb);
  Picture picture;
  picture.use_argb = 1;
  picture.width = static_cast<int>(colour.width);
  picture.height = static_cast<int>(colour.height);
  const int row_bytes = static_cast<int>(colour.channels) * picture.width;
  const int imported = has_alpha ? WebPPictureImportRGBA(&picture, colour.pixels.data(), row_bytes)
                                 : WebPPictureImportRGB(&picture, colour.pixels.data(), row_bytes);
  if (imported == 0 || WebPAnimEncoderAdd(&encoder, &picture, timestamp_ms, &config) == 0) {
    fail(ErrorCode::user,
         "animation: libwebp refuses a picture: ", WebPAnimEncoderGetError(&encoder));
  }
}

}  // namespace

bool has_webp() noexcept { return true; }

std::vector<std::byte> encode_webp_animation(std::span<const Image> frames, int frame_ms) {
  check(frames, frame_ms);
  WebPAnimEncoderOptions options;
  WebPConfig config;
  if (WebPAnimEncoderOptionsInit(&options) == 0 || WebPConfigInit(&config) == 0)
    fail(ErrorCode::user, "animation: this program was built with another version of libwebp");
  options.anim_params.loop_count = 0;
  config.lossless = 1;
  config.exact = 1;

  const Image& first = frames.front();
  const Encoder encoder(
      WebPAnimEncoderNew(static_cast<int>(first.width), static_cast<int>(first.height), &options),
      &WebPAnimEncoderDelete);
  if (encoder == nullptr) throw std::bad_alloc();
  int timestamp_ms = 0;
  for (const Image& frame : frames) {
    add(*encoder, frame, timestamp_ms, config);
    timestamp_ms += frame_ms;
  }
  Data data;
  if (WebPAnimEncoderAdd(encoder.get(), nullptr, timestamp_ms, nullptr) == 0 ||
      WebPAnimEncoderAssemble(encoder.get(), &data) == 0)
    fail(ErrorCode::user, "animation: ", WebPAnimEncoderGetError(encoder.get()));
  std::vector<std::byte> bytes(data.size);
  std::memcpy(bytes.data(), data.bytes, data.size);
  return bytes;
}

}  // namespace ddim::engine::io
