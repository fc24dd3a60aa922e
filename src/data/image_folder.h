#pragma once

#include <filesystem>
#include <vector>

#include "data/dataset.h"
#include "io/picture.h"

namespace ddim::engine::data {

/// One picture with so many channels (0: its own); alpha that is not wanted is laid over
/// `background`.
Images images_of(io::Picture picture, std::int64_t channels, const Colour& background);

/// Reads `files` (at least one) and fits each to options.height and width; if there are none, all
/// must have the size of the first. DoesNotFit, naming the first file, for those that do not get
/// there, whatever options.skip_corrupt says. Channels are converted to options.channels, or to the
/// number of the first file; alpha that is not wanted is laid over options.background. Files that
/// cannot be read are collected and listed in Error(corrupt) or, with options.skip_corrupt, in
/// DataReport::skipped (Error(corrupt) if no file is left). The classes are those of `labels.csv`
/// in `dir` (see folder_labels.h), else the sub-folders of `dir`.
Dataset load_image_files(const std::filesystem::path& dir,
                         const std::vector<std::filesystem::path>& files,
                         const DatasetOptions& options);

}  // namespace ddim::engine::data
