#pragma once

#include <filesystem>
#include <stop_token>

namespace ddim::engine {

/// Whether others who say `together` may have the same lock at the same time.
enum class LockKind { alone, together };

/// An advisory flock. The system releases it when the process ends, however it ends. The locked
/// file stays.
class FileLock {
 public:
  /// Marks a run's folder as in use by this process, through `folder/.lock`. Does not wait:
  /// throws Error(user) with the owner's process and host if another process has the folder.
  /// Error(io) if the lock file cannot be opened.
  explicit FileLock(const std::filesystem::path& folder, LockKind kind = LockKind::alone);
  /// Locks `file`, creating it if necessary, and waits while another process has it. Error(io) if
  /// it cannot be opened, Error(interrupted) if `stop` is requested before it is free.
  static FileLock wait_for(const std::filesystem::path& file, const std::stop_token& stop);
  FileLock(const FileLock&) = delete;
  FileLock& operator=(const FileLock&) = delete;
  ~FileLock();

 private:
  explicit FileLock(int descriptor) : descriptor_(descriptor) {}

  int descriptor_ = -1;
};

}  // namespace ddim::engine
