#pragma once

#include <filesystem>
#include <string_view>

#include "base/file_system.h"

namespace ddim::engine {

enum class TemporaryKind { file, folder };

/// A file or folder that is written under the name `path.tmp-ddim-<i>` until it is complete. While
/// this lives, it holds an advisory lock (flock) on it, which the system releases however the
/// process ends. So a leftover can be told from what another process is writing.
class Temporary {
 public:
  /// Creates a new file, open for writing, or a folder, by calls of `file_system`. Removes the
  /// leftovers of `path` that it meets. Check failed() afterwards.
  static Temporary file(const std::filesystem::path& path, FileSystem& file_system);
  static Temporary folder(const std::filesystem::path& path, FileSystem& file_system);
  Temporary(const Temporary&) = delete;
  Temporary& operator=(const Temporary&) = delete;
  ~Temporary();

  /// Whether the system refused; the reason is in errno.
  bool failed() const { return result_ < 0; }
  /// Of the file. The caller closes it.
  int descriptor() const { return result_; }
  const std::filesystem::path& name() const { return name_; }

 private:
  Temporary(const std::filesystem::path& path, TemporaryKind kind, FileSystem& file_system);
  bool lock(TemporaryKind kind);

  std::filesystem::path name_;
  int result_ = -1;
  int lock_ = -1;  ///< a descriptor; -1 on a file system without locks
};

/// Whether an interrupted write left behind a file or folder of this name, or is writing it now.
bool is_temporary_name(std::string_view name);

/// Removes the temporary files and folders in `folder` that no process is writing. Those of earlier
/// versions (`NAME.tmp-<process>-<i>`) only where `is_ours` knows their NAME: people give such
/// names too (backup.tmp-2026-11-28). What the system does not let be removed stays. A folder that
/// is not there has none.
void remove_leftovers(const std::filesystem::path& folder,
                      bool (*is_ours)(std::string_view name, TemporaryKind kind));

/// The same for a folder where people keep files of theirs: removes only files
/// `NAME.tmp-ddim-<i>`, never folders, and of them those whose NAME `is_ours`.
void remove_leftover_files(const std::filesystem::path& folder, bool (*is_ours)(std::string_view));

}  // namespace ddim::engine
