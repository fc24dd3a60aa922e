#pragma once

#include <ddim/data_options.h>

#include <cstdint>
#include <string>

#include "data/images.h"

namespace ddim::data {

/// All images at height x width. `name` is for errors: Error(user) when Fit::none meets another
/// size, or Fit::pad a larger one. When an odd number of pixels is padded, the extra one is at the
/// right and the bottom. The border is bytes of zero (-1 after scaling: Fashion-MNIST's background).
Images fit_to(Images images, Fit fit, std::int64_t height, std::int64_t width,
              const std::string& name);

/// Images of height x width resized: each output pixel is the mean over the area that it covers in
/// the input (shrinking; what box filters do), or interpolated linearly between pixel centres with
/// the border repeated (enlarging); the choice is made for each axis. Rounded to the nearest byte.
Images resize(const Images& images, std::int64_t height, std::int64_t width);

}  // namespace ddim::data
