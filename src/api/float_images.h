#pragma once

#include <ddim/image.h>

#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "base/shape.h"

namespace ddim {

/// [N,C,H,W]
inline Shape shape_of(const FloatImages& images) {
  return {images.count, images.channels, images.height, images.width};
}

/// Error(user), naming `what`, unless the numbers fit the shape and are finite.
inline void check_values(const FloatImages& images, const char* what) {
  require(std::ssize(images.values) == shape_of(images).size(), what, ": ", images.values.size(),
          " numbers; expected ", shape_of(images).size(), " for ", shape_of(images));
  require(std::ranges::all_of(images.values, [](float x) { return std::isfinite(x); }), what,
          ": holds NaN or infinity");
}

}  // namespace ddim
