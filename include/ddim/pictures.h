#pragma once

#include <filesystem>
#include <vector>

#include "ddim/data_options.h"
#include "ddim/export.h"
#include "ddim/image.h"
#include "ddim/model.h"

namespace ddim {

/// Pictures from files, with a model's size and channels, -1 black to 1 white: PNG, JPEG, BMP,
/// WebP, GIF and TIFF files (the content tells which; the last three where this build has their
/// libraries), .npz and .npy files (see write_npz()), and .safetensors files with a tensor "x_0"
/// [N,C,H,W]. Samples of 16 bits keep their precision. Error(user) for none, and for another size
/// unless `fit` says what to do; Error(io) and Error(corrupt), naming the file, when it cannot be
/// read. Files are not skipped, whatever `read` says.
DDIM_API FloatImages load_pictures(const Model& model,
                                   const std::vector<std::filesystem::path>& files,
                                   Fit fit = Fit::none, const ReadOptions& read = {});

/// The same from a data set; with a fit, its pictures may have several sizes. Error(user) for those
/// that do not fit, also where damaged files are skipped.
DDIM_API FloatImages load_data_set(const Model& model, const DataOptions& options,
                                   Fit fit = Fit::none);

/// A mask for InitImage::mask from a file, as load_pictures(). What is transparent in it counts as
/// black. Error(user), saying what was found, for a mask that is black or white all over, and for
/// one whose values are all near black (0 and 1, where 0 and 255 are meant).
DDIM_API FloatImages load_mask(const Model& model, const std::filesystem::path& file,
                               Fit fit = Fit::none);

/// Mean of the squared difference per element, with black 0 and white 1 (the paper's table 2), of
/// each picture. Nothing is clamped. Error(user) for different shapes.
DDIM_API std::vector<double> mean_squared_differences(const FloatImages& a, const FloatImages& b);

}  // namespace ddim
