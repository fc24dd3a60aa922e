#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "diffusion/plan.h"
#include "diffusion/sampler.h"
#include "model/class_condition.h"
#include "nn/unet.h"

namespace ddim::model {

enum class EncodeMethod {
  euler,  ///< one network call a step (diffusion/encode.h)
  exact,  ///< the inverse of each step (diffusion/invert.h)
};

struct EncodeOptions {
  diffusion::Plan plan = {};           ///< of the decoder; see diffusion::make_encoding
  std::span<const float> images = {};  ///< [count,C,H,W], -1 black, 1 white
  std::int64_t count = 1;
  EncodeMethod method = EncodeMethod::euler;
  ClassCondition condition = {};  ///< of which class the images are
  std::int64_t batch = 16;
  int num_threads = 1;
  /// Told after every step of every micro-batch, by one thread at a time; may stop the run.
  std::function<diffusion::Flow(std::int64_t image_steps_done, std::int64_t image_steps_total)>
      progress = {};
};

struct Encoded {
  std::vector<float> x_T;               ///< [count,C,H,W]
  std::vector<std::int64_t> num_calls;  ///< of the network, for each image
  /// Per image, of EncodeMethod::exact: the largest error that was left in undoing a step.
  std::vector<double> residuals;
};

/// Encodes images as the noise that the network draws them from. What becomes of an image does not
/// depend on batch and num_threads. Errors as diffusion::make_encoding, invert and run_images;
/// Error(user) for images of another size or with NaN.
Encoded encode(const UNet& unet, const EncodeOptions& options);

}  // namespace ddim::model
