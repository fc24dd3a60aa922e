#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "data/images.h"

namespace ddim::data {

/// How an image is brought to the resolution of a run.
enum class Fit {
  none,         ///< it must have that size
  pad,          ///< a border of zero bytes (-1 after scaling: Fashion-MNIST's background), centred
  crop_resize,  ///< the largest centred square, resized
};
std::string_view to_string(Fit fit);

/// All images at `resolution` x `resolution`. `name` is for messages: Error(user) if Fit::none gets
/// another size, or Fit::pad a larger one. If the number of added pixels is odd, the extra one is
/// at the right and at the bottom.
Images fit_to(Images images, Fit fit, std::int64_t resolution, const std::string& name);

/// Images resized to height x width. To shrink, each output pixel is the mean over its area in the
/// input, as in box filters. To enlarge, it is interpolated linearly between pixel centres, with
/// the border repeated. Each axis is treated separately. Results are rounded to the nearest byte.
Images resize(const Images& images, std::int64_t height, std::int64_t width);

}  // namespace ddim::data
