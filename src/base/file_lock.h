#pragma once

#include <filesystem>
#include <stop_token>

namespace ddim {

/// An advisory flock, which the system releases when the process ends, however it ends; the locked
/// file itself stays.
class FileLock {
 public:
  /// Marks a run's folder as in use by this process, through `folder/.lock`. Does not wait:
  /// Error(user) naming the owner's process and host when another has the folder. Error(io) when
  /// the lock file cannot be opened.
  explicit FileLock(const std::filesystem::path& folder);
  /// Locks `file`, which is made if need be, and waits while another process has it. Error(io) when
  /// it cannot be opened, Error(interrupted) when `stop` was requested before it was free.
  static FileLock wait_for(const std::filesystem::path& file, const std::stop_token& stop);
  FileLock(const FileLock&) = delete;
  FileLock& operator=(const FileLock&) = delete;
  ~FileLock();

 private:
  explicit FileLock(int descriptor) : descriptor_(descriptor) {}

  int descriptor_ = -1;
};

}  // namespace ddim
