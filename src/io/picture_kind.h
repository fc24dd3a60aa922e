#pragma once

#include <cstddef>
#include <span>
#include <string_view>

namespace ddim::engine::io {

/// What a file is, by its first bytes.
enum class PictureKind {
  none,  ///< no picture that we know
  png,
  jpeg,
  webp,
  bmp,
  gif,
  tiff,
  other,  ///< a picture of a kind that this program, or this build, does not read
};

/// How many of its first bytes tell what a file is.
inline constexpr std::size_t kPictureStartBytes = 32;

struct PictureStart {
  PictureKind kind = PictureKind::none;
  std::string_view name = {};  ///< "png", "avif"; empty for none
  std::string_view hint = {};  ///< of PictureKind::other: what to do
};

/// What the file that begins with `start` is.
PictureStart picture_start(std::span<const std::byte> start);

}  // namespace ddim::engine::io
