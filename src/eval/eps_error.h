#pragma once

#include <ddim/evaluate.h>
#include <ddim/image.h>

#include <cstdint>
#include <span>
#include <vector>

#include "run/network.h"

namespace ddim::engine::eval {

struct EvaluationImages {
  FloatImages images = {};  ///< in [-1, 1], of the network's shape, at least 2
  /// The class of each image, for networks that are told it; otherwise empty.
  std::vector<std::int64_t> labels = {};
  /// Only the part of this size in the middle counts (28 x 28 for Fashion-MNIST padded to 32);
  /// where no part is in the middle, one that is a pixel farther to the left or to the top.
  std::int64_t inner_height = 0;
  std::int64_t inner_width = 0;
};

/// Mean squared error of the predicted noise on given images: for image k
///   x_t = sqrt(alpha_bar) x_0 + sqrt(1 - alpha_bar) eps (eq. 4),  e_k = mean (eps_pred - eps)^2,
/// eps being the stream {seed, Purpose::evaluation, step = t} of image k, in NHWC order. One entry
/// per options.t, in its order; bit for bit the same for every batch and number of threads;
/// options.data is not looked at. Throws Error(user) for values that do not fit, Error(numeric)
/// when the network produces NaN or infinity, Error(interrupted) when a stop was requested.
EpsErrors eps_error(const run::TrainedNetwork& model, const EvaluationImages& images,
                    const EpsErrorOptions& options);

/// Error(user) for no t, and for one that is none of the model's.
void check_times(const run::TrainedNetwork& model, std::span<const std::int64_t> t);

}  // namespace ddim::engine::eval
