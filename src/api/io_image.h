#pragma once

#include <ddim/image.h>

#include "base/error.h"
#include "io/image.h"

namespace ddim {

inline Image from_io(io::Image image) {
  return {.width = image.width,
          .height = image.height,
          .channels = image.channels,
          .pixels = std::move(image.pixels)};
}

/// Error(user) when the pixels do not fit the size.
inline io::Image to_io(const Image& image) {
  io::Image result{.width = image.width,
                   .height = image.height,
                   .channels = image.channels,
                   .pixels = image.pixels};
  require(image.pixels.size() == result.num_samples(), "image: ", image.width, "x", image.height,
          " pixels of ", image.channels, " channels are ", result.num_samples(), " bytes, not ",
          image.pixels.size());
  return result;
}

}  // namespace ddim
