#pragma once

#include <filesystem>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "base/file_system.h"

namespace ddim::test {

using namespace engine;

/// What a disk may hold after a loss of power: path below the recorded folder -> content. Folders
/// appear through the files in them.
using DiskFiles = std::map<std::string, std::string>;

/// Passes every call on to the real system and keeps a record, from which it can tell what the disk
/// might hold had the power gone after any of the calls.
///
/// The model is what POSIX promises and no more: the bytes of a file are safe after its fsync, a
/// name is safe after the fsync of its folder; until then each change of a name may or may not have
/// reached the disk, in any combination, and new bytes may be missing, torn or zero.
class RecordingFileSystem : public FileSystem {
 public:
  /// What is in `root` now counts as safe.
  explicit RecordingFileSystem(std::filesystem::path root);

  int call_open(const char* path, int flags, mode_t mode) override;
  ssize_t call_write(int descriptor, const std::byte* bytes, std::size_t size) override;
  int call_fsync(int descriptor) override;
  int call_close(int descriptor) override;
  int call_mkdir(const char* path, mode_t mode) override;
  int call_rename(const char* from, const char* to) override;
  int call_rename_no_replace(const char* from, const char* to) override;
  int call_unlink(const char* path) override;
  int call_rmdir(const char* path) override;

  /// Calls visit(num_calls_done, files) for every state that the disk may be in after each prefix
  /// of the calls; num_calls_done == num_calls() means that all had returned.
  void visit_states(const std::function<void(int, const DiskFiles&)>& visit) const;
  int num_calls() const { return static_cast<int>(events_.size()); }

 private:
  enum class Kind { create, write, sync, rename, remove };
  struct Event {
    Kind kind;
    int node = -1;               ///< created, written or synced
    int folder = -1;             ///< holds the names below
    std::string name, new_name;  ///< created or removed; renamed
    std::string bytes;           ///< written
  };
  /// A change to a folder's names that has not been synced.
  struct NameChange {
    std::string erased, set;
    int node = -1;
  };
  struct Node {
    bool is_folder = false;
    std::string safe, latest;          ///< a file's bytes
    std::map<std::string, int> names;  ///< a folder's safe names
    std::vector<NameChange> pending;   ///< a folder's unsynced ones
  };
  enum class LostBytes { all, second_half, none, zeroed };

  int add_existing(const std::filesystem::path& path);
  int latest_node(const std::filesystem::path& path) const;
  int record_create(const char* path, bool is_folder);
  int record_rename(const char* from, const char* to);
  void record_remove(const char* path);
  static void apply(const Event& event, std::vector<Node>& nodes);
  static void collect(const std::vector<Node>& nodes, int node, const std::string& prefix,
                      LostBytes lost, DiskFiles& files);

  std::filesystem::path root_;
  std::vector<Node> initial_;  ///< number 0 is the root; nodes made later are appended
  std::map<std::filesystem::path, int> current_;  ///< path -> node, as the running system sees it
  std::map<int, int> open_;                       ///< descriptor -> node
  std::vector<Event> events_;
};

}  // namespace ddim::test
