#pragma once

#include <sys/types.h>

#include <cerrno>
#include <cstddef>
#include <span>

namespace ddim::engine {

/// Repeats a call that a signal interrupted; gives up after many times.
template <class Call>
auto uninterrupted(const Call& call) {
  constexpr int kMaxAttempts = 100;
  auto result = call();
  for (int i = 1; i < kMaxAttempts && result < 0 && errno == EINTR; ++i) result = call();
  return result;
}

/// The system calls for writing a file. Each returns the same as the system call of its name, and
/// leaves the reason for a failure in errno; one that a signal interrupted is repeated. File output
/// goes through this seam so that a test can make the k-th call fail, or record the calls and
/// replay a power loss after each of them.
class FileSystem {
 public:
  virtual ~FileSystem() = default;
  int open(const char* path, int flags, mode_t mode);
  ssize_t write(int descriptor, const std::byte* bytes, std::size_t size);
  int fsync(int descriptor);
  /// Everything of the file system that the descriptor is in.
  int syncfs(int descriptor);
  /// Not repeated: the descriptor is gone whatever it returns.
  int close(int descriptor);
  int mkdir(const char* path, mode_t mode);
  int rename(const char* from, const char* to);
  /// A rename that fails with EEXIST if `to` exists.
  int rename_no_replace(const char* from, const char* to);
  int unlink(const char* path);
  int rmdir(const char* path);
  int flock(int descriptor, int operation);
  int fchmod(int descriptor, mode_t mode);

 protected:
  // Each call, once.
  virtual int call_open(const char* path, int flags, mode_t mode);
  virtual ssize_t call_write(int descriptor, const std::byte* bytes, std::size_t size);
  virtual int call_fsync(int descriptor);
  virtual int call_syncfs(int descriptor);
  virtual int call_close(int descriptor);
  virtual int call_mkdir(const char* path, mode_t mode);
  virtual int call_rename(const char* from, const char* to);
  virtual int call_rename_no_replace(const char* from, const char* to);
  virtual int call_unlink(const char* path);
  virtual int call_rmdir(const char* path);
  virtual int call_flock(int descriptor, int operation);
  virtual int call_fchmod(int descriptor, mode_t mode);
};

/// The real system calls.
FileSystem& system_calls();

/// Writes all bytes, in as many calls as that takes. Returns how many were written: fewer than all
/// where a call failed, with the reason in errno.
std::size_t write_all(FileSystem& file_system, int descriptor, std::span<const std::byte> bytes);

}  // namespace ddim::engine
