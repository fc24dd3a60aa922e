#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "io/mapped_file.h"
#include "io/stored_type.h"

namespace ddim::engine::io {

/// One tensor of a file, of any rank, little-endian. `bytes` point into the file's memory, from the
/// first element to the last.
struct TensorEntry {
  std::string name;
  StoredType type;
  std::vector<std::int64_t> shape;
  std::span<const std::byte> bytes;
  /// Elements between neighbours along each axis; empty for row-major. A file of PyTorch may hold
  /// its axes in another order.
  std::vector<std::int64_t> strides = {};
  /// Bytes of the file that hold this tensor, perhaps among others, and the CRC-32 that the file
  /// says they have; empty where it says none.
  std::span<const std::byte> checked = {};
  std::uint32_t crc32 = 0;
  /// Whether the bytes are of a mapped file, so that release_pages() may be called on them.
  bool is_mapped = false;

  std::int64_t num_elements() const;
};

/// out[i] = element i, in row-major order, as a float. Error(user), naming the tensor, when the
/// type is not a float type; Error(internal) when `out` has another number of elements.
void read_f32(const TensorEntry& entry, std::span<float> out);
/// The elements in place, without a copy, if they are row-major floats at an aligned address;
/// otherwise empty.
std::span<const float> floats_in_place(const TensorEntry& entry);
using Metadata = std::map<std::string, std::string>;

/// Limits of every file, so that a hostile one costs no more memory than its own size.
inline constexpr std::size_t kMaxTensors = 100'000;
inline constexpr std::size_t kMaxRank = 32;
inline constexpr std::size_t kMaxNameBytes = 1024;

/// A name in quotes for a message: cut to 60 bytes, with `?` for all but printable ASCII.
std::string display_name(std::string_view name);

/// Why a tensor may not have this name (empty, too long, control characters); empty when it may.
std::string_view reason_against_name(std::string_view name);

/// shape x size_of(type), or -1 when a dimension is negative or the product overflows.
std::int64_t num_bytes_of(StoredType type, const std::vector<std::int64_t>& shape);

/// The tensors of a file (or of several that belong together), found by name. Copies share the
/// mapped files, and entries stay valid as long as one copy lives.
class TensorTable {
 public:
  /// Error(corrupt) when two entries have one name. `path` is what messages name.
  TensorTable(std::filesystem::path path, std::vector<std::shared_ptr<const MappedFile>> files,
              std::vector<TensorEntry> entries, Metadata metadata = {});

  const std::filesystem::path& path() const { return path_; }
  /// In the order of the file.
  const std::vector<TensorEntry>& entries() const { return entries_; }
  const Metadata& metadata() const { return metadata_; }
  /// A whole number from 0 upward in the metadata. Error(corrupt), naming file and key, for
  /// anything else.
  std::int64_t metadata_count(const std::string& key) const;
  const std::vector<std::shared_ptr<const MappedFile>>& files() const { return files_; }

  /// nullptr when there is no tensor of that name.
  const TensorEntry* find(std::string_view name) const;
  /// The same, but Error(corrupt) naming file and tensor when it is not there.
  const TensorEntry& at(std::string_view name) const;
  /// The elements of at(name) as floats; errors as at() and read_f32().
  std::vector<float> read(std::string_view name) const;
  /// ddim::engine::io::read_f32, whose errors then name the file too; Error(corrupt) when a file
  /// has been shortened in the meantime (MappedFile::require_whole()).
  void read_f32(const TensorEntry& entry, std::span<float> out) const;

 private:
  std::filesystem::path path_;
  std::vector<std::shared_ptr<const MappedFile>> files_;
  std::vector<TensorEntry> entries_;
  Metadata metadata_;
  std::map<std::string, std::size_t, std::less<>> index_;  ///< name -> position in entries()
};

}  // namespace ddim::engine::io
