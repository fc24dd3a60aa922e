#include "base/temporary.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <optional>
#include <utility>

#include "base/folder.h"
#include "base/text.h"

namespace ddim::engine {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kMark = ".tmp-";
constexpr std::string_view kLocked = "ddim-";  ///< behind kMark: whoever writes it has locked it

struct TemporaryName {
  std::string_view final_name;  ///< before the mark
  std::string_view number;      ///< behind it
  bool is_locked;  ///< by whoever writes it; earlier versions began with the number of a process
};

/// Nothing for a name of another kind.
std::optional<TemporaryName> temporary_name(std::string_view name) {
  const auto mark = name.rfind(kMark);
  if (mark == std::string_view::npos) return std::nullopt;
  const std::string_view id = name.substr(mark + kMark.size());
  const bool is_locked = id.starts_with(kLocked);
  const std::string_view number = is_locked ? id.substr(kLocked.size()) : id;
  const char* const digits = is_locked ? "0123456789" : "0123456789-";
  if (number.empty() || number.find_first_not_of(digits) != std::string_view::npos)
    return std::nullopt;
  return TemporaryName{name.substr(0, mark), number, is_locked};
}

/// Earlier versions took no lock, and had the number of their process in the name.
bool has_living_owner(std::string_view id) {
  pid_t owner = 0;
  if (std::from_chars(id.data(), id.data() + id.size(), owner).ec != std::errc()) return false;
  return owner > 0 && (::kill(owner, 0) == 0 || errno != ESRCH);
}

/// For writing if possible: some network file systems lock nothing else.
int open_to_lock(const fs::path& path) {
  constexpr int kFlags = O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC;
  const int descriptor = system_calls().open(path.c_str(), O_RDWR | kFlags, 0);
  return descriptor >= 0 ? descriptor : system_calls().open(path.c_str(), O_RDONLY | kFlags, 0);
}

/// Whether the name still leads to the open file or folder, and not to a device or pipe.
bool is_file_or_folder_of(const fs::path& path, int descriptor) {
  struct stat opened {};
  struct stat named {};
  return ::fstat(descriptor, &opened) == 0 && ::lstat(path.c_str(), &named) == 0 &&
         opened.st_dev == named.st_dev && opened.st_ino == named.st_ino &&
         (S_ISREG(named.st_mode) || S_ISDIR(named.st_mode));
}

/// Nothing for what is neither.
std::optional<TemporaryKind> kind_of(int descriptor) {
  struct stat status {};
  if (::fstat(descriptor, &status) != 0) return std::nullopt;
  if (S_ISREG(status.st_mode)) return TemporaryKind::file;
  if (S_ISDIR(status.st_mode)) return TemporaryKind::folder;
  return std::nullopt;
}

/// Removes a temporary file or folder whose kind is `wanted`, unless a process has locked it or the
/// system refuses.
template <class IsWanted>
bool remove_leftover(const fs::path& path, const IsWanted& wanted) {
  const int descriptor = open_to_lock(path);
  if (descriptor < 0) return false;
  const std::optional<TemporaryKind> kind = kind_of(descriptor);
  const bool is_gone = kind && wanted(*kind) && ::flock(descriptor, LOCK_EX | LOCK_NB) == 0 &&
                       is_file_or_folder_of(path, descriptor) && try_remove_tree(path);
  ::close(descriptor);
  return is_gone;
}

}  // namespace

Temporary Temporary::file(const fs::path& path, FileSystem& file_system) {
  return {path, TemporaryKind::file, file_system};
}

Temporary Temporary::folder(const fs::path& path, FileSystem& file_system) {
  return {path, TemporaryKind::folder, file_system};
}

Temporary::Temporary(const fs::path& path, TemporaryKind kind, FileSystem& file_system) {
  constexpr int kMaxNames = 1000;
  constexpr int kNewFile = O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC;
  const auto create = [&] {
    return kind == TemporaryKind::file ? file_system.open(name_.c_str(), kNewFile, 0666)
                                       : file_system.mkdir(name_.c_str(), 0777);
  };
  for (int i = 0; i < kMaxNames; ++i) {
    name_ = path;
    name_ += concat(kMark, kLocked, i);
    result_ = create();
    if (failed() && errno != EEXIST) return;
    const auto may_go = [&](TemporaryKind found) {
      return kind == TemporaryKind::folder || found == TemporaryKind::file;
    };
    if (failed() && remove_leftover(name_, may_go)) result_ = create();
    if (failed()) continue;
    if (lock(kind)) return;
    // Another process is removing it: it came between the creation and the lock.
    if (kind == TemporaryKind::file) file_system.close(result_);
    result_ = -1;
  }
  errno = EEXIST;
}

Temporary::~Temporary() {
  const int reason = errno;
  if (lock_ >= 0) ::close(lock_);
  errno = reason;
}

bool Temporary::lock(TemporaryKind kind) {
  // A second descriptor, because the lock must outlast the closing of the file.
  lock_ = kind == TemporaryKind::file ? ::fcntl(result_, F_DUPFD_CLOEXEC, 0) : open_to_lock(name_);
  if (lock_ < 0) return errno != ENOENT;
  struct stat status {};
  const bool is_taken = ::flock(lock_, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK;
  const bool is_removed = ::fstat(lock_, &status) == 0 && status.st_nlink == 0;
  if (!is_taken && !is_removed) return true;
  ::close(std::exchange(lock_, -1));
  return false;
}

bool is_temporary_name(std::string_view name) {
  const std::optional<TemporaryName> parts = temporary_name(name);
  return parts && parts->is_locked;
}

void remove_leftovers(const fs::path& folder,
                      bool (*is_ours)(std::string_view name, TemporaryKind kind)) {
  for (const std::string& name : readable_names_in(folder)) {
    const std::optional<TemporaryName> parts = temporary_name(name);
    if (!parts || (!parts->is_locked && has_living_owner(parts->number))) continue;
    remove_leftover(folder / name, [&](TemporaryKind kind) {
      return parts->is_locked || is_ours(parts->final_name, kind);
    });
  }
}

void remove_leftover_files(const fs::path& folder, bool (*is_ours)(std::string_view)) {
  for (const std::string& name : readable_names_in(folder)) {
    const std::optional<TemporaryName> parts = temporary_name(name);
    if (!parts || !parts->is_locked || !is_ours(parts->final_name)) continue;
    remove_leftover(folder / name, [](TemporaryKind kind) { return kind == TemporaryKind::file; });
  }
}

}  // namespace ddim::engine
