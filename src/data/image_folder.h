#pragma once

#include <filesystem>
#include <vector>

#include "data/dataset.h"

namespace ddim::engine::data {

/// The PNG and JPEG files in `dir` and its sub-folders, in the order of their names.
std::vector<std::filesystem::path> find_image_files(const std::filesystem::path& dir);

/// Reads `files` (at least one) and fits each to options.height and width; if there are none, all
/// must have the size of the first. Channels are converted to options.channels, or to the number of
/// the first file; alpha is dropped. Files that cannot be used are collected and listed in
/// Error(corrupt) or, with options.skip_corrupt, in Dataset::skipped (Error(corrupt) if no file is
/// left). The label of an image is the number of its sub-folder of `dir`, among all sub-folders of
/// `files` in the order of their names; Error(user) for a file without a sub-folder.
Dataset load_image_files(const std::filesystem::path& dir,
                         const std::vector<std::filesystem::path>& files,
                         const DatasetOptions& options);

}  // namespace ddim::engine::data
