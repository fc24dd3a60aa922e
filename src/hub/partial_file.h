#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>

#include "base/file_system.h"

namespace ddim::engine::hub {

/// A file that arrives in pieces, over several connections and processes. It stays when this object
/// is destroyed. Error(io), naming the file, when the system refuses.
class PartialFile {
 public:
  /// Opens the file, or creates it.
  explicit PartialFile(std::filesystem::path path, FileSystem& file_system = system_calls());
  PartialFile(const PartialFile&) = delete;
  PartialFile& operator=(const PartialFile&) = delete;
  ~PartialFile();

  const std::filesystem::path& path() const { return path_; }
  std::uint64_t size_bytes() const { return size_bytes_; }
  /// How many bytes this process has appended, those that were cleared since too.
  std::uint64_t bytes_appended() const { return bytes_appended_; }
  void append(std::span<const std::byte> bytes);
  /// Empties the file.
  void clear();
  /// Makes it durable and gives it its final name. Nothing can be appended afterwards.
  void move_to(const std::filesystem::path& name);

 private:
  void open(int flags);
  void close();
  [[noreturn]] void fail_call(const char* call) const;

  std::filesystem::path path_;
  FileSystem& file_system_;
  int descriptor_ = -1;
  std::uint64_t size_bytes_ = 0;
  std::uint64_t bytes_appended_ = 0;
};

}  // namespace ddim::engine::hub
