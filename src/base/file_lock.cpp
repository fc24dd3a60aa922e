#include "base/file_lock.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <string>
#include <system_error>
#include <thread>

#include "base/error.h"

namespace ddim::engine {
namespace {

std::string read_owner(int descriptor) {
  std::array<char, 512> text{};
  const ssize_t size = ::pread(descriptor, text.data(), text.size(), 0);
  std::string owner(text.data(), size > 0 ? static_cast<std::size_t>(size) : 0);
  if (const auto end = owner.find('\n'); end != std::string::npos) owner.resize(end);
  return owner.empty() ? "another process" : owner;
}

void write_owner(int descriptor) {
  std::array<char, 256> host{};
  ::gethostname(host.data(), host.size() - 1);
  const std::string owner = concat("process ", ::getpid(), " on host ", host.data(), "\n");
  // The text only helps a person to find the owner. On a full disk, the lock works without it.
  if (::ftruncate(descriptor, 0) == 0) {
    [[maybe_unused]] const ssize_t written = ::pwrite(descriptor, owner.data(), owner.size(), 0);
  }
}

/// Opens the lock file of `what`.
int open_lock_file(const std::filesystem::path& path, const std::filesystem::path& what) {
  const int descriptor = system_calls().open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0666);
  if (descriptor < 0) {
    fail(ErrorCode::io, "cannot lock ", what.string(), ": ", std::system_category().message(errno),
         " (opening ", path.string(), ")");
  }
  return descriptor;
}

/// Whether the open file still has this name: its previous owner may have removed it.
bool still_has_name(int descriptor, const std::filesystem::path& path) {
  struct stat opened {};
  struct stat named {};
  return ::fstat(descriptor, &opened) == 0 && ::stat(path.c_str(), &named) == 0 &&
         opened.st_dev == named.st_dev && opened.st_ino == named.st_ino;
}

/// Whether a call of flock failed because the file system knows no locks.
bool has_no_locks(int reason) {
  return reason == ENOSYS || reason == ENOLCK || reason == ENOTSUP || reason == EOPNOTSUPP;
}

}  // namespace

FileLock::FileLock(const std::filesystem::path& folder, LockKind kind, FileSystem& file_system)
    : descriptor_(open_lock_file(folder / ".lock", folder)) {
  const int operation = (kind == LockKind::alone ? LOCK_EX : LOCK_SH) | LOCK_NB;
  const int result = file_system.flock(descriptor_, operation);
  const int reason = errno;
  is_held_ = result == 0;
  if (is_held_ || has_no_locks(reason)) {
    write_owner(descriptor_);
    return;
  }
  const std::string owner = read_owner(descriptor_);
  ::close(descriptor_);
  if (reason == EWOULDBLOCK) {
    fail(ErrorCode::user, folder.string(), " is in use by ", owner,
         ": wait for it or stop it, or choose another folder");
  }
  fail(ErrorCode::io, "cannot lock ", folder.string(), ": ",
       std::system_category().message(reason));
}

FileLock FileLock::wait_for(const std::filesystem::path& file, const std::stop_token& stop,
                            FileSystem& file_system) {
  for (;;) {
    const int descriptor = open_lock_file(file, file);
    const int result = file_system.flock(descriptor, LOCK_EX | LOCK_NB);
    const int reason = errno;
    if (result != 0 && has_no_locks(reason)) return FileLock(descriptor, false);
    if (result == 0 && still_has_name(descriptor, file)) return FileLock(descriptor, true);
    ::close(descriptor);
    if (result != 0 && reason != EWOULDBLOCK && reason != EINTR) {
      fail(ErrorCode::io, "cannot lock ", file.string(), ": ",
           std::system_category().message(reason));
    }
    if (stop.stop_requested()) {
      fail(ErrorCode::interrupted, "stopped while waiting for another process to release ",
           file.string());
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
  }
}

FileLock::~FileLock() { ::close(descriptor_); }

}  // namespace ddim::engine
