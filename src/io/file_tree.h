#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "io/mapped_file.h"

namespace ddim::engine::io {

/// Where a model's files are read from: the file system, or memory.
class FileTree {
 public:
  virtual ~FileTree() = default;

  /// Whether there is a file or a folder of this name.
  virtual bool exists(const std::filesystem::path& path) const = 0;
  virtual bool is_folder(const std::filesystem::path& path) const = 0;
  /// The names of the files and folders in a folder, sorted.
  virtual std::vector<std::string> names_in(const std::filesystem::path& folder) const = 0;
  /// All bytes of a file. Error(io) when it cannot be read, Error(corrupt) when it is larger than
  /// `max_bytes`; both name the file.
  virtual std::string read(const std::filesystem::path& path, std::uint64_t max_bytes) const = 0;
  /// A file's bytes in place. Error(io), naming the file, when it cannot be read.
  virtual std::shared_ptr<const MappedFile> map(const std::filesystem::path& path) const = 0;
};

/// The file system.
const FileTree& files_on_disk();

/// Files by their names relative to a folder, with `/`. The folder itself is the empty path.
class FilesInMemory : public FileTree {
 public:
  /// The bytes must outlive this and every file that it maps.
  explicit FilesInMemory(std::map<std::string, std::span<const std::byte>> files)
      : files_(std::move(files)) {}

  bool exists(const std::filesystem::path& path) const override;
  bool is_folder(const std::filesystem::path& path) const override;
  std::vector<std::string> names_in(const std::filesystem::path& folder) const override;
  std::string read(const std::filesystem::path& path, std::uint64_t max_bytes) const override;
  std::shared_ptr<const MappedFile> map(const std::filesystem::path& path) const override;

 private:
  std::span<const std::byte> bytes_of(const std::filesystem::path& path) const;

  std::map<std::string, std::span<const std::byte>> files_;
};

}  // namespace ddim::engine::io
