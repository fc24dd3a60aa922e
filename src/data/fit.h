#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "data/images.h"

namespace ddim::data {

/// How an image gets to the resolution of a run.
enum class Fit {
  none,         ///< it must have it already
  pad,          ///< a border of zero bytes (-1 after scaling: Fashion-MNIST's background), centred
  crop_resize,  ///< the largest centred square, resized
};
std::string_view to_string(Fit fit);

/// All images at `resolution` x `resolution`. `name` is for errors: Error(user) when Fit::none
/// meets another size, or Fit::pad a larger one. When an odd number of pixels is padded, the extra
/// one is at the right and the bottom.
Images fit_to(Images images, Fit fit, std::int64_t resolution, const std::string& name);

/// Images of height x width resized: each output pixel is the mean over the area that it covers in
/// the input (shrinking; what box filters do), or interpolated linearly between pixel centres with
/// the border repeated (enlarging); the choice is made for each axis. Rounded to the nearest byte.
Images resize(const Images& images, std::int64_t height, std::int64_t width);

}  // namespace ddim::data
