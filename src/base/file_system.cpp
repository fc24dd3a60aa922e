#include "base/file_system.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>

namespace ddim::engine {

int FileSystem::open(const char* path, int flags, mode_t mode) {
  return uninterrupted([&] { return call_open(path, flags, mode); });
}

ssize_t FileSystem::write(int descriptor, const std::byte* bytes, std::size_t size) {
  return uninterrupted([&] { return call_write(descriptor, bytes, size); });
}

int FileSystem::fsync(int descriptor) {
  return uninterrupted([&] { return call_fsync(descriptor); });
}

int FileSystem::syncfs(int descriptor) {
  return uninterrupted([&] { return call_syncfs(descriptor); });
}

int FileSystem::close(int descriptor) { return call_close(descriptor); }

int FileSystem::mkdir(const char* path, mode_t mode) {
  return uninterrupted([&] { return call_mkdir(path, mode); });
}

int FileSystem::rename(const char* from, const char* to) {
  return uninterrupted([&] { return call_rename(from, to); });
}

int FileSystem::rename_no_replace(const char* from, const char* to) {
  return uninterrupted([&] { return call_rename_no_replace(from, to); });
}

int FileSystem::unlink(const char* path) {
  return uninterrupted([&] { return call_unlink(path); });
}

int FileSystem::rmdir(const char* path) {
  return uninterrupted([&] { return call_rmdir(path); });
}

int FileSystem::flock(int descriptor, int operation) {
  return uninterrupted([&] { return call_flock(descriptor, operation); });
}

int FileSystem::fchmod(int descriptor, mode_t mode) {
  return uninterrupted([&] { return call_fchmod(descriptor, mode); });
}

int FileSystem::call_open(const char* path, int flags, mode_t mode) {
  return ::open(path, flags, mode);
}

ssize_t FileSystem::call_write(int descriptor, const std::byte* bytes, std::size_t size) {
  return ::write(descriptor, bytes, size);
}

int FileSystem::call_fsync(int descriptor) { return ::fsync(descriptor); }

int FileSystem::call_syncfs(int descriptor) { return ::syncfs(descriptor); }

int FileSystem::call_close(int descriptor) { return ::close(descriptor); }

int FileSystem::call_mkdir(const char* path, mode_t mode) { return ::mkdir(path, mode); }

int FileSystem::call_rename(const char* from, const char* to) { return ::rename(from, to); }

int FileSystem::call_rename_no_replace(const char* from, const char* to) {
  const int result = ::renameat2(AT_FDCWD, from, AT_FDCWD, to, RENAME_NOREPLACE);
  if (result == 0 || (errno != EINVAL && errno != ENOSYS)) return result;
  // Some network file systems do not have the flag: then check first.
  struct stat status {};
  if (::lstat(to, &status) == 0) {
    errno = EEXIST;
    return -1;
  }
  return ::rename(from, to);
}

int FileSystem::call_unlink(const char* path) { return ::unlink(path); }

int FileSystem::call_rmdir(const char* path) { return ::rmdir(path); }

int FileSystem::call_flock(int descriptor, int operation) { return ::flock(descriptor, operation); }

int FileSystem::call_fchmod(int descriptor, mode_t mode) { return ::fchmod(descriptor, mode); }

FileSystem& system_calls() {
  static FileSystem stateless;
  return stateless;
}

std::size_t write_all(FileSystem& file_system, int descriptor, std::span<const std::byte> bytes) {
  std::size_t done = 0;
  while (done < bytes.size()) {
    const std::span<const std::byte> rest = bytes.subspan(done);
    const ssize_t written = file_system.write(descriptor, rest.data(), rest.size());
    if (written == 0) errno = ENOSPC;  // no progress and no reason: as good as full
    if (written <= 0) break;
    done += static_cast<std::size_t>(written);
  }
  return done;
}

}  // namespace ddim::engine
