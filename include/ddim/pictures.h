#pragma once

#include <filesystem>
#include <vector>

#include "ddim/data_options.h"
#include "ddim/export.h"
#include "ddim/image.h"
#include "ddim/model.h"

namespace ddim {

/// Pictures from files, with a model's size and channels, -1 black to 1 white: PNG and JPEG files,
/// .npz files of bytes (see write_npz()), and .safetensors files with a tensor "x_0" [N,C,H,W].
/// Error(user) for none, for a file of another kind, and for another size unless `fit` says what to
/// do; Error(io) and Error(corrupt), naming the file, when it cannot be read.
DDIM_API FloatImages load_pictures(const Model& model,
                                   const std::vector<std::filesystem::path>& files,
                                   Fit fit = Fit::none);

/// The same from a data set.
DDIM_API FloatImages load_data_set(const Model& model, const DataOptions& options,
                                   Fit fit = Fit::none);

/// Mean of the squared difference per element, with black 0 and white 1 (the paper's table 2), of
/// each picture. Nothing is clamped. Error(user) for different shapes.
DDIM_API std::vector<double> mean_squared_differences(const FloatImages& a, const FloatImages& b);

}  // namespace ddim
