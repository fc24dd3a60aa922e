#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <stop_token>
#include <vector>

#include "ddim/model.h"
#include "ddim/show_progress.h"

namespace ddim {

enum class DataSplit { train, test };

struct EpsErrorOptions {
  std::filesystem::path data = {};  ///< a folder, as for training
  DataSplit split = DataSplit::test;
  std::vector<std::int64_t> t = {10, 100, 500, 900};  ///< counted from 0
  std::optional<std::int64_t> max_images = {};        ///< the first so many; default: all
  std::uint64_t seed = 0;
  std::int64_t batch = 16;
  int threads = 0;  ///< 0: one per processor
  ShowProgress show_progress = ShowProgress::no;
  std::stop_token stop = {};
};

struct EpsErrorAt {
  std::int64_t t = 0;
  double mean_squared_error = 0.0;  ///< per element
  double half_width_95 = 0.0;       ///< of the 95 % interval over images
};

struct EpsErrors {
  std::int64_t images = 0;
  std::int64_t inner_size = 0;      ///< only the square of this size in the middle counts
  std::vector<EpsErrorAt> at = {};  ///< in the order of options.t
};

/// How well a model predicts the noise in images of a data set, with fixed noise: the mean over
/// images of |eps - eps_pred|^2 per element. Images that are smaller than the model's are padded
/// with black, and the border does not count; larger ones are cropped and resized. The same for
/// every batch and number of threads. Errors as sample() and train_model().
EpsErrors eps_error(const Model& model, const EpsErrorOptions& options);

}  // namespace ddim
