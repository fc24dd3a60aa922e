#pragma once

#include <filesystem>

namespace ddim {

/// Marks a run's folder as in use by this process, through an advisory flock on `folder/.lock`. The
/// system releases it when the process ends, however it ends; the file itself stays.
class FileLock {
 public:
  /// Does not wait. Error(user) naming the owner's process and host when another has the folder,
  /// Error(io) when the lock file cannot be opened.
  explicit FileLock(const std::filesystem::path& folder);
  FileLock(const FileLock&) = delete;
  FileLock& operator=(const FileLock&) = delete;
  ~FileLock();

 private:
  int descriptor_ = -1;
};

}  // namespace ddim
