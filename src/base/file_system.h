#pragma once

#include <sys/types.h>

#include <cstddef>

namespace ddim {

/// The system calls that writing a file needs. Each returns what the call of the same name returns
/// and leaves the reason of a failure in errno. File output goes through this seam so that a test
/// can fail the k-th call, or record the calls and replay a loss of power after each of them.
class FileSystem {
 public:
  virtual ~FileSystem() = default;
  virtual int open(const char* path, int flags, mode_t mode);
  virtual ssize_t write(int descriptor, const std::byte* bytes, std::size_t size);
  virtual int fsync(int descriptor);
  virtual int close(int descriptor);
  virtual int mkdir(const char* path, mode_t mode);
  virtual int rename(const char* from, const char* to);
  /// A rename that fails with EEXIST where `to` exists.
  virtual int rename_no_replace(const char* from, const char* to);
  virtual int unlink(const char* path);
  virtual int rmdir(const char* path);
};

/// The real system calls.
FileSystem& system_calls();

}  // namespace ddim
