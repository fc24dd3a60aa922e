#pragma once

#include <cstddef>
#include <filesystem>
#include <span>

namespace ddim::engine::io {

/// The bytes of a whole file, mapped read-only for as long as this lives, or in memory of the
/// caller's. A mapped file that another program shortens in the meantime ends the process with
/// SIGBUS.
class MappedFile {
 public:
  /// Error(io) when the system does not let the file be read.
  explicit MappedFile(const std::filesystem::path& path);
  /// A file whose bytes are in memory already; they must outlive this.
  explicit MappedFile(std::span<const std::byte> in_memory)
      : bytes_(in_memory), is_mapped_(false) {}
  MappedFile(const MappedFile&) = delete;
  MappedFile& operator=(const MappedFile&) = delete;
  ~MappedFile();

  std::span<const std::byte> bytes() const { return bytes_; }
  /// Whether release_pages() may be called on the bytes.
  bool is_mapped() const { return is_mapped_; }

 private:
  std::span<const std::byte> bytes_;
  bool is_mapped_ = true;
};

/// Gives back the physical memory behind the pages of a mapped file that lie wholly in `bytes`,
/// which can still be read, so that loading a model does not also keep its file in memory.
void release_pages(std::span<const std::byte> bytes);

}  // namespace ddim::engine::io
