#include "tests/base_files/power_loss.h"

#include <fcntl.h>

#include <stdexcept>
#include <utility>

#include "tests/support/text_files.h"

namespace ddim::test {

namespace fs = std::filesystem;

RecordingFileSystem::RecordingFileSystem(fs::path root) : root_(std::move(root)) {
  add_existing(root_);
}

int RecordingFileSystem::add_existing(const fs::path& path) {
  const int number = static_cast<int>(initial_.size());
  current_[path] = number;
  Node node;
  node.is_folder = fs::is_directory(path);
  if (!node.is_folder) node.safe = node.latest = read_text(path);
  initial_.push_back(std::move(node));
  if (!fs::is_directory(path)) return number;
  for (const std::string& name : names_in(path)) {
    const int child = add_existing(path / name);
    initial_[static_cast<std::size_t>(number)].names[name] = child;
  }
  return number;
}

int RecordingFileSystem::latest_node(const fs::path& path) const {
  const auto found = current_.find(path);
  if (found == current_.end()) throw std::logic_error("not recorded: " + path.string());
  return found->second;
}

int RecordingFileSystem::record_create(const char* path, bool is_folder) {
  const int number = static_cast<int>(initial_.size());
  initial_.emplace_back();
  initial_.back().is_folder = is_folder;
  const fs::path where(path);
  events_.push_back(
      {Kind::create, number, latest_node(where.parent_path()), where.filename().string(), "", ""});
  current_[where] = number;
  return number;
}

int RecordingFileSystem::record_rename(const char* from, const char* to) {
  const fs::path source(from), target(to);
  if (source.parent_path() != target.parent_path()) {
    throw std::logic_error("a rename between folders is not modelled");
  }
  events_.push_back({Kind::rename, latest_node(source), latest_node(source.parent_path()),
                     source.filename().string(), target.filename().string(), ""});
  // What lies below a renamed folder is not looked at by path again.
  current_[target] = current_.at(source);
  current_.erase(source);
  return 0;
}

void RecordingFileSystem::record_remove(const char* path) {
  const fs::path where(path);
  events_.push_back({Kind::remove, latest_node(where), latest_node(where.parent_path()),
                     where.filename().string(), "", ""});
  current_.erase(where);
}

int RecordingFileSystem::call_open(const char* path, int flags, mode_t mode) {
  const int descriptor = FileSystem::call_open(path, flags, mode);
  if (descriptor < 0) return descriptor;
  const bool creates = (flags & O_CREAT) != 0;
  open_[descriptor] = creates ? record_create(path, false) : latest_node(path);
  return descriptor;
}

ssize_t RecordingFileSystem::call_write(int descriptor, const std::byte* bytes, std::size_t size) {
  const ssize_t written = FileSystem::call_write(descriptor, bytes, size);
  if (written > 0) {
    events_.push_back(
        {Kind::write, open_.at(descriptor), -1, "", "",
         std::string(reinterpret_cast<const char*>(bytes), static_cast<std::size_t>(written))});
  }
  return written;
}

int RecordingFileSystem::call_fsync(int descriptor) {
  // Recorded only: the real thing costs much and cannot be seen in a test.
  events_.push_back({Kind::sync, open_.at(descriptor), -1, "", "", ""});
  return 0;
}

int RecordingFileSystem::call_close(int descriptor) {
  open_.erase(descriptor);
  return FileSystem::call_close(descriptor);
}

int RecordingFileSystem::call_mkdir(const char* path, mode_t mode) {
  const int result = FileSystem::call_mkdir(path, mode);
  if (result == 0) record_create(path, true);
  return result;
}

int RecordingFileSystem::call_rename(const char* from, const char* to) {
  const int result = FileSystem::call_rename(from, to);
  return result == 0 ? record_rename(from, to) : result;
}

int RecordingFileSystem::call_rename_no_replace(const char* from, const char* to) {
  const int result = FileSystem::call_rename_no_replace(from, to);
  return result == 0 ? record_rename(from, to) : result;
}

int RecordingFileSystem::call_unlink(const char* path) {
  const int result = FileSystem::call_unlink(path);
  if (result == 0) record_remove(path);
  return result;
}

int RecordingFileSystem::call_rmdir(const char* path) {
  const int result = FileSystem::call_rmdir(path);
  if (result == 0) record_remove(path);
  return result;
}

void RecordingFileSystem::apply(const Event& event, std::vector<Node>& nodes) {
  const auto at = [&nodes](int number) -> Node& { return nodes[static_cast<std::size_t>(number)]; };
  switch (event.kind) {
    case Kind::create:
      at(event.folder).pending.push_back({"", event.name, event.node});
      break;
    case Kind::write:
      at(event.node).latest += event.bytes;
      break;
    case Kind::rename:
      at(event.folder).pending.push_back({event.name, event.new_name, event.node});
      break;
    case Kind::remove:
      at(event.folder).pending.push_back({event.name, "", -1});
      break;
    case Kind::sync: {
      Node& node = at(event.node);
      node.safe = node.latest;
      for (const NameChange& change : node.pending) {
        node.names.erase(change.erased);
        if (!change.set.empty()) node.names[change.set] = change.node;
      }
      node.pending.clear();
      break;
    }
  }
}

void RecordingFileSystem::collect(const std::vector<Node>& nodes, int number,
                                  const std::string& prefix, LostBytes lost, DiskFiles& files) {
  const Node& node = nodes[static_cast<std::size_t>(number)];
  if (node.is_folder) {
    for (const auto& [name, child] : node.names) {
      collect(nodes, child, prefix.empty() ? name : prefix + "/" + name, lost, files);
    }
    return;
  }
  const std::size_t added = node.latest.size() - node.safe.size();
  std::string& content = files[prefix] = node.latest;
  if (lost == LostBytes::all) content = node.safe;
  if (lost == LostBytes::second_half) content.resize(node.safe.size() + added / 2 / 512 * 512);
  if (lost == LostBytes::zeroed) {
    content = node.safe + std::string(added, '\0');
  }
}

void RecordingFileSystem::visit_states(
    const std::function<void(int, const DiskFiles&)>& visit) const {
  std::vector<Node> nodes = initial_;
  for (int done = 0; done <= num_calls(); ++done) {
    if (done > 0) apply(events_[static_cast<std::size_t>(done - 1)], nodes);
    std::vector<std::pair<std::size_t, NameChange>> pending;
    for (std::size_t i = 0; i < nodes.size(); ++i) {
      for (const NameChange& change : nodes[i].pending) pending.emplace_back(i, change);
    }
    if (pending.size() > 12) throw std::logic_error("too many combinations of name changes");
    for (std::size_t subset = 0; subset < std::size_t{1} << pending.size(); ++subset) {
      std::vector<Node> disk = nodes;
      for (std::size_t i = 0; i < pending.size(); ++i) {
        if ((subset >> i & 1) == 0) continue;
        const auto& [folder, change] = pending[i];
        disk[folder].names.erase(change.erased);
        if (!change.set.empty()) disk[folder].names[change.set] = change.node;
      }
      for (const LostBytes lost :
           {LostBytes::all, LostBytes::second_half, LostBytes::none, LostBytes::zeroed}) {
        DiskFiles files;
        collect(disk, 0, "", lost, files);
        visit(done, files);
      }
    }
  }
}

}  // namespace ddim::test
