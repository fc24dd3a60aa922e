#pragma once

#include <optional>

#include "ddim/image.h"

namespace ddim {

/// How a picture becomes the state that a sampler starts from.
enum class InitBy {
  noise,     ///< noise of the seed is added (eq. 4): each seed makes another picture of it
  encoding,  ///< eq. 14 upwards, as encode(): nothing is random
};

/// Image-to-image: start from pictures, part of the way down, instead of from noise; and
/// inpainting: keep a part of them.
struct InitImage {
  FloatImages images = {};  ///< [count,C,H,W], or one that serves for all; see load_pictures()
  /// The last so many of the steps are taken, rounded, at least one: above 0, at most 1. The less,
  /// the more stays of the picture.
  double strength = 0.8;
  InitBy by = InitBy::noise;
  /// One picture of the same size: pixels that are black in it (the mean over channels below 0)
  /// come out as they are in `images`, white ones are drawn anew to fit them. Kept pixels go
  /// through the same steps from their own values (eq. 7), so every sampler can inpaint.
  std::optional<FloatImages> mask = {};
};

}  // namespace ddim
