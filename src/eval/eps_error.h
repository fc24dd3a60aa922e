#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <vector>

#include "diffusion/prediction.h"
#include "diffusion/sampler.h"
#include "diffusion/schedule.h"
#include "nn/unet.h"

namespace ddim::eval {

struct EpsErrorOptions {
  std::vector<std::int64_t> t = {10, 100, 500, 900};  ///< 0-based
  /// Only the square of this size in the middle counts (28 for Fashion-MNIST padded to 32);
  /// nothing: the whole image.
  std::optional<std::int64_t> inner_size = {};
  /// The class of each image, for networks that are told it; otherwise empty.
  std::span<const std::int64_t> labels = {};
  diffusion::Prediction prediction = diffusion::Prediction::eps;  ///< what the network returns
  std::uint64_t seed = 0;
  std::int64_t batch = 16;
  int num_threads = 1;
  /// Told after every micro-batch and t, by one thread at a time; may stop the run.
  std::function<diffusion::Flow(std::int64_t done, std::int64_t total)> progress = {};
};

/// How well a network predicts the noise at one t.
struct EpsError {
  std::int64_t t = 0;
  double mean_squared_error = 0.0;  ///< per element, over all images
  /// Half the width of the 95 % interval: 1.96 standard errors of the mean over images.
  double half_width_95 = 0.0;
};

/// Mean squared error of the predicted noise on given images: for image k
///   x_t = sqrt(alpha_bar) x_0 + sqrt(1 - alpha_bar) eps (eq. 4),  e_k = mean (eps_pred - eps)^2,
/// eps being the stream {seed, Purpose::evaluation, step = t} of image k, in NHWC order. `images`
/// are [N,H,W,C] in [-1,1] of the network's size, N at least 2. One entry per options.t, in its
/// order; bit for bit the same for every batch and num_threads. Throws Error(user) for values that
/// do not fit, Error(numeric) when the network produces NaN or infinity, Error(interrupted) when
/// `progress` says stop.
std::vector<EpsError> eps_error(const UNet& unet, const diffusion::Schedule& schedule,
                                std::span<const float> images, const EpsErrorOptions& options);

}  // namespace ddim::eval
