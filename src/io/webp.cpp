#include "io/webp.h"

#include <webp/decode.h>
#include <webp/encode.h>
#include <webp/mux.h>

#include <algorithm>
#include <cstring>
#include <memory>

#include "base/error.h"
#include "io/exif.h"

namespace ddim::engine::io {
namespace {

using Encoder = std::unique_ptr<WebPAnimEncoder, decltype(&WebPAnimEncoderDelete)>;

/// libwebp's picture, freed in the end.
struct WebpPicture : WebPPicture {
  WebpPicture() : WebPPicture() {
    if (WebPPictureInit(this) == 0) throw std::bad_alloc();
  }
  WebpPicture(const WebpPicture&) = delete;
  WebpPicture& operator=(const WebpPicture&) = delete;
  ~WebpPicture() { WebPPictureFree(this); }
};

/// A frame of a mux, freed in the end.
struct Frame : WebPMuxFrameInfo {
  Frame() : WebPMuxFrameInfo() {}
  Frame(const Frame&) = delete;
  Frame& operator=(const Frame&) = delete;
  ~Frame() { WebPDataClear(&bitstream); }
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
  WebpPicture picture;
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

/// The WebP without what follows it: as long as its RIFF header says, with the padding.
std::span<const std::byte> without_rest(std::span<const std::byte> bytes) {
  constexpr std::size_t kHeaderBytes = 8;
  if (bytes.size() < kHeaderBytes) return bytes;
  std::uint32_t size = 0;
  std::memcpy(&size, bytes.data() + 4, sizeof size);
  return bytes.first(std::min(bytes.size(), kHeaderBytes + size + size % 2));
}

}  // namespace

bool has_webp() noexcept { return true; }

Picture decode_webp(std::span<const std::byte> whole, const std::string& file_name,
                    const PixelBudget& budget) {
  const auto damaged = [&](const char* reason) {
    fail(ErrorCode::corrupt, file_name, ": not a readable WebP: ", reason);
  };
  const std::span<const std::byte> bytes = without_rest(whole);
  const WebPData file{reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size()};
  const std::unique_ptr<WebPMux, decltype(&WebPMuxDelete)> mux(WebPMuxCreate(&file, 0),
                                                               &WebPMuxDelete);
  if (mux == nullptr) damaged("its chunks are damaged, or it ends early");
  int width = 0, height = 0;
  if (WebPMuxGetCanvasSize(mux.get(), &width, &height) != WEBP_MUX_OK) damaged("it has no size");
  check_size(width, height, file_name, budget);
  Frame frame;
  if (WebPMuxGetFrame(mux.get(), 1, &frame) != WEBP_MUX_OK) damaged("it has no picture");
  WebPBitstreamFeatures features;
  const WebPData& data = frame.bitstream;
  if (WebPGetFeatures(data.bytes, data.size, &features) != VP8_STATUS_OK)
    damaged("its picture has no size");
  if (frame.x_offset < 0 || frame.y_offset < 0 || features.width > width - frame.x_offset ||
      features.height > height - frame.y_offset)
    damaged("its picture lies outside of the canvas");

  // What the first frame of an animation leaves free is transparent.
  const bool is_whole = features.width == width && features.height == height;
  const bool has_alpha = features.has_alpha != 0 || !is_whole;
  Image image{width, height, has_alpha ? 4 : 3, {}};
  image.pixels.resize(image.num_samples());
  const auto row_bytes = static_cast<std::size_t>(image.width * image.channels);
  const std::size_t first = static_cast<std::size_t>(frame.y_offset) * row_bytes +
                            static_cast<std::size_t>(frame.x_offset * image.channels);
  const auto* decoded = (has_alpha ? WebPDecodeRGBAInto : WebPDecodeRGBInto)(
      data.bytes, data.size, image.pixels.data() + first, image.pixels.size() - first,
      static_cast<int>(row_bytes));
  if (decoded == nullptr) damaged("its picture is damaged, or ends early");
  WebPData exif;
  int orientation = 1;
  if (WebPMuxGetChunk(mux.get(), "EXIF", &exif) == WEBP_MUX_OK)
    orientation = exif_orientation(std::as_bytes(std::span(exif.bytes, exif.size)));
  const std::size_t rest = whole.size() - bytes.size();
  return {.image = upright(std::move(image), orientation),
          .warning = rest == 0 ? "" : concat(rest, " bytes after the end")};
}

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
