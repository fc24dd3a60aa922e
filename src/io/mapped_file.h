#pragma once

#include <cstddef>
#include <filesystem>
#include <memory>
#include <span>
#include <vector>

namespace ddim::engine::io {

/// The bytes of a whole file, mapped read-only for as long as this lives, or in memory of the
/// caller's. A mapped file that another program shortens in the meantime reads as zeros from there
/// on, and require_whole() tells.
class MappedFile {
 public:
  /// Error(io) when the system does not let the file be read.
  explicit MappedFile(const std::filesystem::path& path);
  /// A file whose bytes are in memory already; they must outlive this.
  explicit MappedFile(std::span<const std::byte> in_memory, std::filesystem::path path = {})
      : path_(std::move(path)), bytes_(in_memory) {}
  MappedFile(const MappedFile&) = delete;
  MappedFile& operator=(const MappedFile&) = delete;
  ~MappedFile();

  const std::filesystem::path& path() const { return path_; }
  std::span<const std::byte> bytes() const { return bytes_; }
  /// Whether release_pages() may be called on the bytes.
  bool is_mapped() const { return descriptor_ >= 0; }
  /// Error(corrupt), naming the file, when it has been shortened since it was opened: what was read
  /// of it may be zeros. To be asked after reading, before anything is made of it.
  void require_whole() const;

 private:
  std::filesystem::path path_;
  std::span<const std::byte> bytes_;
  int descriptor_ = -1;  ///< of a mapped file
};

/// MappedFile::require_whole() of each.
void require_whole(const std::vector<std::shared_ptr<const MappedFile>>& files);

/// Gives back the physical memory behind the pages of a mapped file that lie wholly in `bytes`,
/// which can still be read, so that loading a model does not also keep its file in memory.
void release_pages(std::span<const std::byte> bytes);

}  // namespace ddim::engine::io
