#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace ddim::io {

/// A picture of 8-bit samples, rows from the top, channels interleaved: 1 grey, 3 RGB, 4 RGBA.
struct Image {
  std::int64_t width = 0;
  std::int64_t height = 0;
  std::int64_t channels = 0;
  std::vector<std::uint8_t> pixels;  ///< [height, width, channels]

  std::size_t num_samples() const {
    return static_cast<std::size_t>(width) * static_cast<std::size_t>(height) *
           static_cast<std::size_t>(channels);
  }
  friend bool operator==(const Image&, const Image&) = default;
};

/// Files that declare more are refused before anything is decoded.
inline constexpr std::int64_t kMaxPixels = 64'000'000;
inline constexpr std::uint64_t kMaxImageFileBytes = 1 << 29;

/// What the caller wants of a file: its own number of channels without alpha (1 or 3), or a given
/// one. Grey is repeated into RGB; RGB becomes grey by 0.299 R + 0.587 G + 0.114 B; alpha is
/// dropped (added as 255 for RGBA).
enum class Channels { as_stored, grey, rgb, rgba };

/// The picture with the wanted channels.
Image convert_channels(Image image, Channels wanted);

}  // namespace ddim::io
