#include "base/folder.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <memory>
#include <string_view>
#include <system_error>

#include "base/error.h"

namespace ddim::engine {
namespace {

namespace fs = std::filesystem;

struct CloseFolder {
  void operator()(DIR* folder) const { ::closedir(folder); }
};
using OpenFolder = std::unique_ptr<DIR, CloseFolder>;

/// The next name in an open folder but for . and ..; null at its end, and then errno is 0, or the
/// reason why the rest cannot be read.
const char* next_name(const OpenFolder& folder) {
  for (;;) {
    errno = 0;
    const dirent* const entry = ::readdir(folder.get());
    if (entry == nullptr) return nullptr;
    const std::string_view name = entry->d_name;
    if (name != "." && name != "..") return entry->d_name;
  }
}

/// Adds the names in a folder; 0, or the reason why it cannot be read.
int add_names(const fs::path& path, std::vector<std::string>& names) {
  const OpenFolder folder(::opendir(path.c_str()));
  if (folder == nullptr) return errno;
  while (const char* const name = next_name(folder)) names.emplace_back(name);
  const int reason = errno;
  std::ranges::sort(names);
  return reason;
}

void add_files(const fs::path& folder, std::vector<fs::path>& files) {
  for (const std::string& name : names_in(folder)) {
    fs::path path = folder / name;
    std::error_code unknown;  // a link may lead nowhere, or to itself
    const fs::file_type type = fs::symlink_status(path, unknown).type();
    if (type == fs::file_type::directory) {
      add_files(path, files);
    } else if (fs::is_regular_file(path, unknown)) {
      files.push_back(std::move(path));
    }
  }
}

bool is_gone(int result) { return result == 0 || errno == ENOENT; }

/// Removes `name` in an open folder. Where it fails, the reason is in errno.
bool remove_at(int parent, const char* name) {
  if (is_gone(::unlinkat(parent, name, 0))) return true;
  if (errno != EISDIR && errno != EPERM) return false;
  const int refused = errno;
  const int descriptor = ::openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  if (descriptor < 0) {
    const int reason = errno == ENOTDIR ? refused : errno;
    // One that may not be read may be empty.
    if (reason == EACCES && is_gone(::unlinkat(parent, name, AT_REMOVEDIR))) return true;
    errno = reason;
    return false;
  }
  const OpenFolder folder(::fdopendir(descriptor));
  if (folder == nullptr) {
    ::close(descriptor);
    return false;
  }
  // A folder that changes while it is read may leave out a name: then once more.
  for (bool found = true; found; ::rewinddir(folder.get())) {
    found = false;
    while (const char* const inner = next_name(folder)) {
      if (!remove_at(descriptor, inner)) return false;
      found = true;
    }
    if (errno != 0) return false;
  }
  return is_gone(::unlinkat(parent, name, AT_REMOVEDIR));
}

}  // namespace

std::vector<std::string> names_in(const fs::path& folder) {
  std::vector<std::string> names;
  if (const int reason = add_names(folder, names); reason != 0)
    fail(ErrorCode::io, "cannot read ", folder.string(), ": ",
         std::system_category().message(reason));
  return names;
}

std::vector<std::string> readable_names_in(const fs::path& folder) {
  std::vector<std::string> names;
  if (add_names(folder, names) != 0) names.clear();
  return names;
}

std::vector<fs::path> files_below(const fs::path& folder) {
  std::vector<fs::path> files;
  add_files(folder, files);
  return files;
}

void remove_tree(const fs::path& path) {
  if (!try_remove_tree(path)) {
    const int reason = errno;
    fail(ErrorCode::io, "cannot remove ", path.string(), ": ",
         std::system_category().message(reason));
  }
}

bool try_remove_tree(const fs::path& path) noexcept { return remove_at(AT_FDCWD, path.c_str()); }

}  // namespace ddim::engine
