#include "io/image.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "base/error.h"

namespace ddim::engine::io {
namespace {

bool has_alpha(std::int64_t channels) { return channels == 2 || channels == 4; }

template <class AnImage>
using SampleOf = typename decltype(AnImage::pixels)::value_type;

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
template <class Sample>
Sample luma(const Sample* rgb) {
  const std::uint64_t sum =
      std::uint64_t{19595} * rgb[0] + std::uint64_t{38470} * rgb[1] + std::uint64_t{7471} * rgb[2];
  return static_cast<Sample>((sum + 32768) >> 16);
}

template <class AnImage>
AnImage convert(AnImage image, Channels wanted) {
  require(image.channels >= 1 && image.channels <= 4, "an image has 1 to 4 channels, not ",
          image.channels);
  require(image.width > 0 && image.height > 0 && image.pixels.size() == image.num_samples(),
          "an image of ", image.width, "x", image.height, "x", image.channels, " does not have ",
          image.pixels.size(), " samples");
  const std::int64_t channels = num_channels(wanted, image.channels);
  if (channels == image.channels) return image;

  using Sample = SampleOf<AnImage>;
  AnImage out{image.width, image.height, channels, {}};
  out.pixels.resize(out.num_samples());
  const auto from_step = static_cast<std::size_t>(image.channels);
  const auto to_step = static_cast<std::size_t>(channels);
  const bool from_colour = image.channels >= 3, to_colour = channels >= 3;
  for (std::size_t i = 0; i < out.pixels.size() / to_step; ++i) {
    const Sample* from = &image.pixels[i * from_step];
    Sample* to = &out.pixels[i * to_step];
    if (to_colour) {
      for (std::size_t c = 0; c < 3; ++c) to[c] = from[from_colour ? c : 0];
    } else {
      to[0] = from_colour ? luma(from) : from[0];
    }
    if (has_alpha(channels)) {
      to[to_step - 1] =
          has_alpha(image.channels) ? from[from_step - 1] : std::numeric_limits<Sample>::max();
    }
  }
  return out;
}

/// Without alpha: colour * alpha + background * (1 - alpha), rounded.
template <class AnImage>
AnImage lay_over(AnImage image, const Colour& background) {
  if (!has_alpha(image.channels)) return image;
  using Sample = SampleOf<AnImage>;
  constexpr std::uint64_t kOpaque = std::numeric_limits<Sample>::max();
  constexpr std::uint64_t kScale = kOpaque / 255;  // of a background of 8 bits
  const std::uint8_t colours[] = {background.red, background.green, background.blue};
  const auto from_step = static_cast<std::size_t>(image.channels);
  const std::size_t to_step = from_step - 1;
  std::uint64_t behind[3];
  for (std::size_t c = 0; c < 3; ++c)
    behind[c] = kScale * (to_step == 3 ? colours[c] : luma(colours));

  AnImage out{image.width, image.height, image.channels - 1, {}};
  out.pixels.resize(out.num_samples());
  for (std::size_t i = 0; i < out.pixels.size() / to_step; ++i) {
    const Sample* from = &image.pixels[i * from_step];
    const std::uint64_t alpha = from[to_step];
    for (std::size_t c = 0; c < to_step; ++c) {
      const std::uint64_t sum = from[c] * alpha + behind[c] * (kOpaque - alpha);
      out.pixels[i * to_step + c] = static_cast<Sample>((sum + kOpaque / 2) / kOpaque);
    }
  }
  return out;
}

template <class AnImage>
AnImage turned(const AnImage& image, int orientation) {
  // 5 to 8 have rows and columns exchanged.
  const bool transposed = orientation >= 5;
  const bool from_right = orientation == 2 || orientation == 3 || orientation == 7 ||
                          orientation == 8;  // of the stored picture
  const bool from_bottom =
      orientation == 3 || orientation == 4 || orientation == 6 || orientation == 7;
  AnImage out{transposed ? image.height : image.width,
              transposed ? image.width : image.height,
              image.channels,
              {}};
  out.pixels.resize(image.pixels.size());
  auto to = out.pixels.begin();
  for (std::int64_t y = 0; y < out.height; ++y) {
    for (std::int64_t x = 0; x < out.width; ++x) {
      std::int64_t row = transposed ? x : y, column = transposed ? y : x;
      if (from_bottom) row = image.height - 1 - row;
      if (from_right) column = image.width - 1 - column;
      const auto first = image.pixels.begin() + (row * image.width + column) * image.channels;
      to = std::copy_n(first, image.channels, to);
    }
  }
  return out;
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

Image convert_channels(Image image, Channels wanted) { return convert(std::move(image), wanted); }

AnyImage convert_channels(AnyImage image, Channels wanted, const Colour& background) {
  return std::visit(
      [&](auto&& any) -> AnyImage {
        const bool keeps_alpha = wanted == Channels::grey_alpha || wanted == Channels::rgba;
        if (!keeps_alpha) any = lay_over(std::move(any), background);
        return convert(std::move(any), wanted);
      },
      std::move(image));
}

AnyImage upright(AnyImage image, int orientation) {
  if (orientation < 2 || orientation > 8) return image;
  return std::visit([&](const auto& any) -> AnyImage { return turned(any, orientation); }, image);
}

Image to_bytes(AnyImage image) {
  if (auto* bytes = std::get_if<Image>(&image)) return std::move(*bytes);
  const auto& deep = std::get<DeepImage>(image);
  Image out{deep.width, deep.height, deep.channels, {}};
  out.pixels.reserve(deep.pixels.size());
  for (const std::uint32_t sample : deep.pixels)
    out.pixels.push_back(static_cast<std::uint8_t>((sample * 255 + 32767) / 65535));
  return out;
}

void check_size(std::int64_t width, std::int64_t height, const std::string& file_name,
                const PixelBudget& budget) {
  if (width < 1 || height < 1 || width > (budget.most - budget.used) / height) {
    const std::string used =
        budget.used > 0 ? concat(", of which the pictures before it have ", budget.used) : "";
    fail(ErrorCode::corrupt, file_name, ": a picture of ", width, "x", height,
         " pixels; at least 1x1 and at most ", budget.most, " pixels are allowed", used);
  }
}

}  // namespace ddim::engine::io
