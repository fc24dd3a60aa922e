#pragma once

#include <ddim/colour.h>
#include <ddim/image.h>

#include <cstdint>
#include <string>
#include <variant>
#include <vector>

namespace ddim::engine::io {

/// Files that declare more are refused before anything is decoded.
inline constexpr std::int64_t kMaxPixels = PixelBudget{}.most;
inline constexpr std::uint64_t kMaxImageFileBytes = 1 << 29;

/// As Image, with samples of 16 bits: 65535 is white.
struct DeepImage {
  std::int64_t width = 0;
  std::int64_t height = 0;
  std::int64_t channels = 0;
  std::vector<std::uint16_t> pixels = {};  ///< [height, width, channels]

  std::size_t num_samples() const { return static_cast<std::size_t>(width * height * channels); }
  friend bool operator==(const DeepImage&, const DeepImage&) = default;
};

using AnyImage = std::variant<Image, DeepImage>;

/// A picture as its file has it: upright, with the file's channels, alpha among them.
struct Picture {
  AnyImage image = {};
  std::string warning = {};  ///< what the decoder found odd first; empty for nothing
};

/// What the caller wants of a file: its own number of channels without alpha (1 or 3), or a given
/// one. Grey is repeated into RGB; RGB becomes grey by 0.299 R + 0.587 G + 0.114 B; alpha is kept
/// where it is wanted, added as opaque where the file has none, and otherwise dropped.
enum class Channels { as_stored, grey, grey_alpha, rgb, rgba };

/// The kind that has this many channels, 1 to 4; as_stored for others.
Channels channels_of(std::int64_t count);

/// The picture with the wanted channels.
Image convert_channels(Image image, Channels wanted);
/// The same, but where alpha is not wanted, the picture is laid over `background` first.
AnyImage convert_channels(AnyImage image, Channels wanted, const Colour& background);

/// The picture as it is to be seen: turned and mirrored from how EXIF's Orientation (1 to 8) says
/// it is stored. Others leave it as it is.
AnyImage upright(AnyImage image, int orientation);

/// With 8 bits per sample, rounded.
Image to_bytes(AnyImage image);

/// Error(corrupt) naming `file_name` for sizes below 1 and for more pixels than `budget` has left.
void check_size(std::int64_t width, std::int64_t height, const std::string& file_name,
                const PixelBudget& budget = {});

}  // namespace ddim::engine::io
