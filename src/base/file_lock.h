#pragma once

#include <filesystem>
#include <stop_token>

#include "base/file_system.h"

namespace ddim::engine {

/// Whether others who say `together` may have the same lock at the same time.
enum class LockKind { alone, together };

/// An advisory flock. The system releases it when the process ends, however it ends. The locked
/// file stays. Some network file systems know no locks: there nobody is kept out, and is_held()
/// tells.
class FileLock {
 public:
  /// Marks a run's folder as in use by this process, through `folder/.lock`. Does not wait:
  /// throws Error(user) with the owner's process and host if another process has the folder.
  /// Error(io) if the lock file cannot be opened.
  explicit FileLock(const std::filesystem::path& folder, LockKind kind = LockKind::alone,
                    FileSystem& file_system = system_calls());
  /// Locks `file`, creating it if necessary, and waits while another process has it. Error(io) if
  /// it cannot be opened, Error(interrupted) if `stop` is requested before it is free.
  static FileLock wait_for(const std::filesystem::path& file, const std::stop_token& stop,
                           FileSystem& file_system = system_calls());
  FileLock(const FileLock&) = delete;
  FileLock& operator=(const FileLock&) = delete;
  ~FileLock();

  /// Whether others are kept out: not where the file system has no locks.
  bool is_held() const { return is_held_; }

 private:
  FileLock(int descriptor, bool is_held) : descriptor_(descriptor), is_held_(is_held) {}

  int descriptor_ = -1;
  bool is_held_ = true;
};

}  // namespace ddim::engine
