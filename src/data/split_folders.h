#pragma once

#include <ddim/data_options.h>

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace ddim::engine::data {

/// Where the pictures of a split are.
struct SplitFolder {
  std::filesystem::path path;
  /// Sub-folders beside it that are left out; one called as a split is that is none.
  std::vector<std::string> notices = {};
};

/// The folder of a split in `dir` ("train"; "val", "valid", "validation"; "test", in any case of
/// letters), or `dir` itself where it is not split, which is then training data. A single
/// sub-folder of such a name beside others with pictures is a class, no split, and a notice says
/// so. No `split`: the test split, or all that is not split. Error(user) for a split that is not
/// there.
SplitFolder find_split_folder(const std::filesystem::path& dir, std::optional<DataSplit> split);

}  // namespace ddim::engine::data
