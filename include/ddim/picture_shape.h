#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

namespace ddim {

/// The shape of a picture. Channels: 1 grey, 2 grey and alpha, 3 RGB, 4 RGBA; others have no
/// meaning as colours and fit in tensor files only.
struct PictureShape {
  std::int64_t channels = 0;
  std::int64_t height = 0;
  std::int64_t width = 0;

  /// Without regard to channels.
  std::int64_t num_pixels() const { return height * width; }
  /// Numbers in a picture.
  std::size_t size() const { return static_cast<std::size_t>(num_pixels() * channels); }
  friend bool operator==(const PictureShape&, const PictureShape&) = default;
};

/// "32x48x3": width, height and channels.
inline std::string to_string(const PictureShape& shape) {
  return std::to_string(shape.width) + "x" + std::to_string(shape.height) + "x" +
         std::to_string(shape.channels);
}

}  // namespace ddim
