#include "io/file_tree.h"

#include <algorithm>
#include <set>

#include "base/error.h"
#include "base/file_input.h"
#include "base/folder.h"

namespace ddim::engine::io {
namespace {

namespace fs = std::filesystem;

class FilesOnDisk : public FileTree {
 public:
  bool exists(const fs::path& path) const override { return leads_somewhere(path); }
  bool is_folder(const fs::path& path) const override { return engine::is_folder(path); }
  std::vector<std::string> names_in(const fs::path& folder) const override {
    return engine::names_in(folder);
  }
  std::string read(const fs::path& path, std::uint64_t max_bytes) const override {
    return read_file(path, max_bytes);
  }
  std::shared_ptr<const MappedFile> map(const fs::path& path) const override {
    return std::make_shared<const MappedFile>(path);
  }
};

/// The key of a file: no `.`, no `/` at the end.
std::string name_of(const fs::path& path) {
  const std::string name = path.lexically_normal().generic_string();
  return name.ends_with('/') ? name.substr(0, name.size() - 1) : name == "." ? "" : name;
}

}  // namespace

const FileTree& files_on_disk() {
  static const FilesOnDisk tree;
  return tree;
}

bool FilesInMemory::is_folder(const fs::path& path) const {
  const std::string name = name_of(path);
  if (name.empty()) return true;
  const auto first = files_.lower_bound(name + "/");
  return first != files_.end() && first->first.starts_with(name + "/");
}

bool FilesInMemory::exists(const fs::path& path) const {
  return files_.contains(name_of(path)) || is_folder(path);
}

std::vector<std::string> FilesInMemory::names_in(const fs::path& folder) const {
  const std::string prefix = name_of(folder).empty() ? "" : name_of(folder) + "/";
  std::set<std::string> names;
  for (const auto& [name, bytes] : files_) {
    if (name.starts_with(prefix))
      names.insert(name.substr(prefix.size(), name.find('/', prefix.size()) - prefix.size()));
  }
  return {names.begin(), names.end()};
}

std::span<const std::byte> FilesInMemory::bytes_of(const fs::path& path) const {
  const auto file = files_.find(name_of(path));
  if (file == files_.end())
    fail(ErrorCode::io, "cannot read ", path.string(), ": no such file in memory");
  return file->second;
}

std::string FilesInMemory::read(const fs::path& path, std::uint64_t max_bytes) const {
  const std::span<const std::byte> bytes = bytes_of(path);
  if (bytes.size() > max_bytes)
    fail(ErrorCode::corrupt, path.string(), ": ", bytes.size(), " bytes; at most ", max_bytes,
         " are read");
  std::string text(bytes.size(), '\0');
  std::ranges::transform(bytes, text.begin(), [](std::byte b) { return static_cast<char>(b); });
  return text;
}

std::shared_ptr<const MappedFile> FilesInMemory::map(const fs::path& path) const {
  return std::make_shared<const MappedFile>(bytes_of(path), path);
}

}  // namespace ddim::engine::io
