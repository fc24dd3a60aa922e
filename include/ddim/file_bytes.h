#pragma once

#include <cstddef>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "ddim/data_options.h"
#include "ddim/encode.h"
#include "ddim/export.h"
#include "ddim/image.h"
#include "ddim/model.h"
#include "ddim/sample.h"

namespace ddim {

// Files in memory: each function makes or reads the bytes that the one named in its comment writes
// to a file or reads from one. Errors are the same, but for those of the file system.

/// The contents of a file.
using Bytes = std::vector<std::byte>;

/// write_png(); `text` is PngOptions::text.
DDIM_API Bytes png_bytes(const Image& image, const std::map<std::string, std::string>& text = {});
/// write_png_grid()
DDIM_API Bytes png_grid_bytes(const Samples& samples, const GridOptions& grid = {});
/// write_npz()
DDIM_API Bytes npz_bytes(const FloatImages& images, std::span<const std::int64_t> labels = {});
/// write_tensor()
DDIM_API Bytes tensor_bytes(const std::string& name, const FloatImages& images);
/// write_codes()
DDIM_API Bytes codes_bytes(const Codes& codes);

/// load_pictures() of one picture: PNG, JPEG, BMP, and what else this build can read. `name` stands
/// for the file's name in messages.
DDIM_API FloatImages picture_from_bytes(const Model& model, std::span<const std::byte> file,
                                        const std::string& name, Fit fit = Fit::none);
/// load_mask() of one picture.
DDIM_API FloatImages mask_from_bytes(const Model& model, std::span<const std::byte> file,
                                     const std::string& name, Fit fit = Fit::none);
/// The same for one of several files that share a budget. The file's pixels are added to
/// budget.used; one that has more than are left is refused before it is decoded: Error(corrupt).
DDIM_API FloatImages picture_from_bytes(const Model& model, std::span<const std::byte> file,
                                        const std::string& name, Fit fit, PixelBudget& budget);
/// The same for a mask.
DDIM_API FloatImages mask_from_bytes(const Model& model, std::span<const std::byte> file,
                                     const std::string& name, Fit fit, PixelBudget& budget);
/// read_codes()
DDIM_API Codes codes_from_bytes(std::span<const std::byte> file, const std::string& name);

}  // namespace ddim
