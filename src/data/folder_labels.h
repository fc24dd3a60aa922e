#pragma once

#include <ddim/data_options.h>

#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace ddim::engine::data {

/// The class of each file of a folder.
struct FolderLabels {
  std::vector<std::int64_t> labels = {};  ///< in the order of the files
  std::vector<std::string> names = {};    ///< of the classes, by number
  std::vector<std::string> notices = {};  ///< sentences for a person: rows of no file
};

/// Labels by file, as they are written.
using LabelList = std::map<std::string, std::string, std::less<>>;

/// Reads the text of a labels.csv, in UTF-8: rows `file,label` of CSV, separated by commas,
/// semicolons or tabs. The first may have names of columns, such as these words, `filename` or
/// `class`; then there may be more columns, in any order. Error(corrupt) naming `file_name` for
/// another row, for an empty label, for a file that is listed twice, and for UTF-16.
LabelList parse_label_list(std::string_view text, const std::string& file_name);

/// If `dir` has a file `labels.csv` of lines `file,label` (the first line may be these words), the
/// class is the label: whole numbers from 0 are taken as they are, names are numbered in natural
/// order; a file is its path below `dir`, its name, or that without ending. Otherwise the class is
/// the sub-folder of `dir`, numbered in natural order (2 before 10). Error(user) for a file without
/// a class, and for a row that two files could be.
FolderLabels folder_labels(const std::filesystem::path& dir,
                           const std::vector<std::filesystem::path>& files);

}  // namespace ddim::engine::data
