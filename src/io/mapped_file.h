#pragma once

#include <cstddef>
#include <filesystem>
#include <span>

namespace ddim::engine::io {

/// The bytes of a whole file, mapped read-only for as long as this lives. A file that another
/// program shortens in the meantime ends the process with SIGBUS.
class MappedFile {
 public:
  /// Error(io) when the system does not let the file be read.
  explicit MappedFile(const std::filesystem::path& path);
  MappedFile(const MappedFile&) = delete;
  MappedFile& operator=(const MappedFile&) = delete;
  ~MappedFile();

  std::span<const std::byte> bytes() const { return bytes_; }

 private:
  std::span<const std::byte> bytes_;
};

/// Gives back the physical memory behind the pages of a mapping that lie wholly in `bytes`, which
/// can still be read, so that loading a model does not also keep its file in memory.
void release_pages(std::span<const std::byte> bytes);

}  // namespace ddim::engine::io
