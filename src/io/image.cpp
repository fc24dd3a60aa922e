#include "io/image.h"

#include <utility>

#include "base/error.h"

namespace ddim::engine::io {
namespace {

bool has_alpha(std::int64_t channels) { return channels == 2 || channels == 4; }

std::int64_t num_channels(Channels wanted, std::int64_t stored) {
  switch (wanted) {
    case Channels::as_stored:
      return has_alpha(stored) ? stored - 1 : stored;
    case Channels::grey:
      return 1;
    case Channels::grey_alpha:
      return 2;
    case Channels::rgb:
      return 3;
    case Channels::rgba:
      break;
  }
  return 4;
}

/// 0.299 R + 0.587 G + 0.114 B, rounded, with weights in 1/65536.
std::uint8_t luma(const std::uint8_t* rgb) {
  return static_cast<std::uint8_t>((19595 * rgb[0] + 38470 * rgb[1] + 7471 * rgb[2] + 32768) >> 16);
}

}  // namespace

Channels channels_of(std::int64_t count) {
  switch (count) {
    case 1:
      return Channels::grey;
    case 2:
      return Channels::grey_alpha;
    case 3:
      return Channels::rgb;
    case 4:
      return Channels::rgba;
    default:
      return Channels::as_stored;
  }
}

Image convert_channels(Image image, Channels wanted) {
  require(image.channels >= 1 && image.channels <= 4, "an image has 1 to 4 channels, not ",
          image.channels);
  require(image.width > 0 && image.height > 0 && image.pixels.size() == image.num_samples(),
          "an image of ", image.width, "x", image.height, "x", image.channels, " does not have ",
          image.pixels.size(), " samples");
  const std::int64_t channels = num_channels(wanted, image.channels);
  if (channels == image.channels) return image;

  Image out{image.width, image.height, channels, {}};
  out.pixels.resize(out.num_samples());
  const auto from_step = static_cast<std::size_t>(image.channels);
  const auto to_step = static_cast<std::size_t>(channels);
  const bool from_colour = image.channels >= 3, to_colour = channels >= 3;
  for (std::size_t i = 0; i < out.pixels.size() / to_step; ++i) {
    const std::uint8_t* from = &image.pixels[i * from_step];
    std::uint8_t* to = &out.pixels[i * to_step];
    if (to_colour) {
      for (std::size_t c = 0; c < 3; ++c) to[c] = from[from_colour ? c : 0];
    } else {
      to[0] = from_colour ? luma(from) : from[0];
    }
    if (has_alpha(channels))
      to[to_step - 1] = has_alpha(image.channels) ? from[from_step - 1] : 255;
  }
  return out;
}

}  // namespace ddim::engine::io
