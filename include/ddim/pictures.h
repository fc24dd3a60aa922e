#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <vector>

#include "ddim/evaluate.h"
#include "ddim/image.h"
#include "ddim/model.h"

namespace ddim {

/// What to do with a picture that does not have a model's size.
enum class SizeMismatch {
  refuse,
  crop,  ///< the largest square in its middle, resized
  pad,   ///< black around it; for smaller ones only
};

/// Pictures from PNG and JPEG files, as a model sees them: its size, its channels (grey or RGB), -1
/// black to 1 white. Error(user) for none, for a file of another kind, and for another size unless
/// `resize` says what to do; Error(io) and Error(corrupt), naming the file, when it cannot be read.
FloatImages load_pictures(const Model& model, const std::vector<std::filesystem::path>& files,
                          SizeMismatch resize = SizeMismatch::refuse);

/// Which pictures of a data set.
struct DataOptions {
  std::filesystem::path data = {};  ///< a folder, as for training
  DataSplit split = DataSplit::test;
  std::optional<std::int64_t> max_images = {};  ///< the first so many; default: all
};

/// The same from a data set.
FloatImages load_data_set(const Model& model, const DataOptions& options,
                          SizeMismatch resize = SizeMismatch::refuse);

/// Mean of the squared difference per element, with black 0 and white 1 (the paper's table 2), of
/// each picture. Nothing is clamped. Error(user) for different shapes.
std::vector<double> mean_squared_differences(const FloatImages& a, const FloatImages& b);

}  // namespace ddim
