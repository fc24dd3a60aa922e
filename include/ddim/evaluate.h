#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "ddim/data_options.h"
#include "ddim/export.h"
#include "ddim/run_options.h"

namespace ddim {

class Model;

/// Where the error of the predicted noise is measured.
struct EpsErrorOptions {
  DataOptions data = {};
  /// How pictures of another size get to the model's. Default: as seen_by() says.
  std::optional<Fit> fit = {};
  std::vector<std::int64_t> t = {10, 100, 500, 900};  ///< counted from 0
  std::uint64_t seed = 0;                             ///< of the noise
  RunOptions run = {};
};

/// How well a network predicts the noise at one t.
struct EpsErrorAt {
  std::int64_t t = 0;
  double mean_squared_error = 0.0;  ///< per element
  /// Of the 95 % interval of the mean over images: 1.96 standard errors, for few images more
  /// (Student's t).
  double half_width_95 = 0.0;
};

/// The errors of a model on a data set.
struct EpsErrors {
  std::int64_t images = 0;
  std::int64_t inner_height = 0;  ///< only the part of this size in the middle counts
  std::int64_t inner_width = 0;
  std::string part = {};       ///< which pictures of the data set: "train", "test, the first 500"
  Fit fit = Fit::none;         ///< how they got to the model's size; Fit::none where all have it
  std::uint32_t checksum = 0;  ///< of the pictures, as ModelInfo::training_data
  std::vector<EpsErrorAt> at = {};  ///< in the order of options.t
};

/// How well a model predicts the noise in images of a data set, with fixed noise: the mean over
/// images of |eps - eps_pred|^2 per element. A border that they get does not count. A network with
/// classes is told those of the pictures, by name where both have names; Error(user) for one that
/// it does not have. The same for every batch and number of threads. Errors as sample() and
/// train_model().
DDIM_API EpsErrors eps_error(const Model& model, const EpsErrorOptions& options);

/// What eps_error() would refuse before it reads pictures, also of a Model::without_weights():
/// Error(user).
DDIM_API void check_eps_error(const Model& model, const EpsErrorOptions& options);

}  // namespace ddim
