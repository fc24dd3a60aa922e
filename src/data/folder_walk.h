#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace ddim::engine::data {

/// Whether a file or folder of this name is no data of the user's: hidden (`.x`, and so `._x.jpg`
/// and `.ipynb_checkpoints`) or a system's (`Thumbs.db`, `__MACOSX`).
bool is_system_name(const std::string& name);

struct FolderFiles {
  std::vector<std::filesystem::path> pictures;  ///< in the order of their names
  std::vector<std::string> notices;             ///< what looks like data and is left out, by kind
};

/// The pictures in `dir` and its sub-folders. Links to folders are followed; one that leads back to
/// where it is in is left out. The content of a file says whether it is a picture; a file that is
/// none but has the ending of one is listed too, to be refused by name when it is read.
FolderFiles find_pictures(const std::filesystem::path& dir);

/// The sub-folders of `dir` that are no system's, in the order of their names.
std::vector<std::filesystem::path> sub_folders(const std::filesystem::path& dir);

}  // namespace ddim::engine::data
