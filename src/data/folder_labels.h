#pragma once

#include <ddim/data_options.h>

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace ddim::engine::data {

/// The class of each file of a folder.
struct FolderLabels {
  std::vector<std::int64_t> labels = {};  ///< in the order of the files
  std::vector<std::string> names = {};    ///< of the classes, by number
};

/// If `dir` has a file `labels.csv` of lines `file,label` (the first line may be these words), the
/// class is the label: whole numbers from 0 are taken as they are, names are numbered in natural
/// order; a file is its path below `dir`, or its name. Otherwise the class is the sub-folder of
/// `dir`, numbered in natural order (2 before 10). Error(user) for a file without a class.
FolderLabels folder_labels(const std::filesystem::path& dir,
                           const std::vector<std::filesystem::path>& files);

}  // namespace ddim::engine::data
