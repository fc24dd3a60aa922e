#pragma once

#include <ddim/data_options.h>
#include <ddim/error.h>

#include <cstdint>
#include <string>
#include <vector>

#include "data/images.h"

namespace ddim::engine::data {

/// Pictures are of a size that a fit does not take, which is no damage to their files: Error(user).
class DoesNotFit : public Error {
 public:
  explicit DoesNotFit(const std::string& message) : Error(ErrorCode::user, message) {}
};

/// All images at height x width. `name` is for messages: DoesNotFit if Fit::none gets another
/// size, or Fit::pad a larger one. The border is black: bytes of zero, or -1. If the number of
/// added pixels is odd, the extra one is at the right and at the bottom.
Images fit_to(Images images, Fit fit, std::int64_t height, std::int64_t width,
              const std::string& name);

/// How these images get to height x width without being asked: by a border if they are not larger.
Fit fit_for(const Images& images, std::int64_t height, std::int64_t width);

/// How the pictures of a set got to a size.
struct Fitted {
  Fit fit = Fit::none;            ///< Fit::none where all had it
  std::int64_t inner_height = 0;  ///< of the part in the middle that has no border in any of them
  std::int64_t inner_width = 0;

  /// Adds what fit_to() does to these images.
  void add(const Images& images, Fit chosen, std::int64_t height, std::int64_t width);
};

/// Images resized to height x width. To shrink, each output pixel is the mean over its area in the
/// input, as in box filters. To enlarge, it is interpolated linearly between pixel centres, with
/// the border repeated. Each axis is treated separately. Bytes stay bytes: results are rounded.
Images resize(const Images& images, std::int64_t height, std::int64_t width);

/// One output pixel along one axis: its first input pixel, and the weights from there on.
struct Taps {
  std::int64_t first = 0;
  std::vector<double> weights = {};
};

/// Images whose pixels are weighted sums of theirs, each axis by its own list. Bytes stay bytes:
/// results are rounded.
Images resample(const Images& images, const std::vector<Taps>& rows,
                const std::vector<Taps>& columns);

}  // namespace ddim::engine::data
