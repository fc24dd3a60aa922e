#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

namespace ddim::test {

inline std::string read_text(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

/// Makes the folders that lead to `path` too.
inline void write_text(const std::filesystem::path& path, const std::string& text) {
  std::filesystem::create_directories(path.parent_path());
  std::ofstream(path, std::ios::binary) << text;
}

/// Replaces `old_part`, which must be in the file, where it first occurs.
inline void edit_text(const std::filesystem::path& path, const std::string& old_part,
                      const std::string& new_part) {
  std::string text = read_text(path);
  const std::size_t position = text.find(old_part);
  ASSERT_NE(position, std::string::npos) << old_part << " is not in " << text;
  text.replace(position, old_part.size(), new_part);
  write_text(path, text);
}

/// The names in a folder, sorted.
inline std::vector<std::string> names_in(const std::filesystem::path& folder) {
  std::vector<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    names.push_back(entry.path().filename().string());
  }
  std::sort(names.begin(), names.end());
  return names;
}

}  // namespace ddim::test
