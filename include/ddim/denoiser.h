#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string>

#include "ddim/forward_process.h"
#include "ddim/picture_shape.h"

namespace ddim {

/// A custom denoiser: any function that predicts what is noise in a picture. With it every sampler,
/// encoding, interpolation and measurement works as with a network from a file.
struct Denoiser {
  /// One call: `count` pictures, all at the same t.
  struct Call {
    std::span<const float> x_t;  ///< [count, height, width, channels]
    std::int64_t count = 0;
    double t = 0.0;                ///< 0 to T-1, real-valued for some plans
    std::int64_t first_image = 0;  ///< number of the first picture
  };

  std::string name = "denoiser";  ///< for recipes
  PictureShape shape = {};
  ForwardProcess process = {};  ///< and what `predict` returns: eps, x0 or v
  /// Writes the prediction for call.x_t to `output`, which has the same size. What a picture gets
  /// must not depend on the others. Called from several threads at once. Exceptions end the run and
  /// reach its caller.
  std::function<void(const Call& call, std::span<float> output)> predict = {};
};

}  // namespace ddim
