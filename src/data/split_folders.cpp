#include "data/split_folders.h"

#include <algorithm>
#include <map>

#include "base/error.h"
#include "base/text.h"
#include "data/folder_walk.h"

namespace ddim::engine::data {
namespace {

namespace fs = std::filesystem;

std::optional<DataSplit> split_called(const std::string& called) {
  const std::string name = small_letters(called);
  if (name == "valid" || name == "validation") return DataSplit::val;
  if (name == "training") return DataSplit::train;
  if (name == "testing") return DataSplit::test;
  return value_named<DataSplit>(name);
}

bool holds_pictures(const fs::path& folder) { return !find_pictures(folder).pictures.empty(); }

struct Parts {
  std::map<DataSplit, fs::path> splits = {};
  std::vector<fs::path> others = {};  ///< other sub-folders, and second ones of a split
  std::string one_of_classes = {};    ///< what is said of a single one that is no split
};

Parts parts_of(const fs::path& dir) {
  Parts parts;
  for (const fs::path& folder : sub_folders(dir)) {
    const auto split = split_called(folder.filename().string());
    if (!split || !parts.splits.emplace(*split, folder).second) parts.others.push_back(folder);
  }
  if (parts.splits.size() != 1) return parts;
  const auto other = std::ranges::find_if(parts.others, holds_pictures);
  if (other == parts.others.end()) return parts;
  const fs::path& single = parts.splits.begin()->second;
  if (!holds_pictures(single)) return {};
  return {.one_of_classes = concat(single.string(), " counts as a class, as ", other->string(),
                                   " does: there is no folder of another split; to read it alone, "
                                   "name it")};
}

}  // namespace

SplitFolder find_split_folder(const fs::path& dir, std::optional<DataSplit> split) {
  const Parts parts = parts_of(dir);
  if (parts.splits.empty()) {
    const bool is_there = split.value_or(DataSplit::train) == DataSplit::train;
    require(is_there || !holds_pictures(dir), "data: ", dir.string(), " has no ",
            to_string(split.value_or(DataSplit::train)), " split: ",
            parts.one_of_classes.empty()
                ? "it has no sub-folder of that name, and its pictures count as training data"
                : parts.one_of_classes);
    if (parts.one_of_classes.empty()) return {.path = dir};
    return {.path = dir, .notices = {parts.one_of_classes}};
  }
  const auto found = parts.splits.find(split.value_or(DataSplit::test));
  if (found == parts.splits.end()) {
    std::string names;
    for (const auto& [known, folder] : parts.splits)
      names += concat(names.empty() ? "" : ", ", to_string(known));
    fail(ErrorCode::user, "data: ", dir.string(), " has no ",
         to_string(split.value_or(DataSplit::test)), " split; it has: ", names);
  }
  SplitFolder result{.path = found->second};
  for (const fs::path& other : parts.others)
    if (holds_pictures(other))
      result.notices.push_back(concat(other.string(), ": left out: it is no split"));
  return result;
}

}  // namespace ddim::engine::data
