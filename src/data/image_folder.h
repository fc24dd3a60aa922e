#pragma once

#include <filesystem>
#include <vector>

#include "data/dataset.h"

namespace ddim::data {

/// The PNG and JPEG files in `dir` and its sub-folders, in the order of their names.
std::vector<std::filesystem::path> find_image_files(const std::filesystem::path& dir);

/// Reads `files` (at least one) and fits each to the options' height and width; without them, all must have the
/// size of the first. Channels are converted to options.channels, or to the first file's; alpha is
/// dropped. Files that cannot be used are collected: Error(corrupt) with the list of them, or, with
/// options.skip_corrupt, lines of Dataset::skipped (Error(corrupt) when no file is left). An
/// image's label is the place of its sub-folder of `dir` among all those that `files` are in, by
/// name; Error(user) for a file that is in none.
Dataset load_image_files(const std::filesystem::path& dir,
                         const std::vector<std::filesystem::path>& files,
                         const DatasetOptions& options);

}  // namespace ddim::data
