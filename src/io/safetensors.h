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

#include "base/file_output.h"
#include "io/stored_type.h"

namespace ddim::io {

/// One tensor of a file: row-major, little-endian, any rank. `bytes` point into the file's memory.
struct TensorEntry {
  std::string name;
  StoredType type;
  std::vector<std::int64_t> shape;
  std::span<const std::byte> bytes;

  std::int64_t num_elements() const {
    return static_cast<std::int64_t>(bytes.size() / size_of(type));
  }
};

using Metadata = std::map<std::string, std::string>;

/// What a safetensors file declares: entries in the order of their data.
struct SafetensorsContents {
  std::vector<TensorEntry> entries;
  Metadata metadata;
};

/// Checks and reads a whole file in memory: header length, JSON of exactly the expected form, no
/// duplicate or unprintable names, known types, shape x type size = range without overflow, ranges
/// that tile the data without hole or overlap up to the last byte. Error(corrupt) naming
/// `file_name` and the tensor otherwise. The entries' spans point into `file`.
SafetensorsContents parse_safetensors(std::span<const std::byte> file,
                                      const std::string& file_name);

/// A safetensors file mapped into memory; entries stay valid as long as this object (movable).
/// A file that another program shortens in the meantime ends the process with SIGBUS.
class SafetensorsFile {
 public:
  /// Error(io) when the file cannot be opened, Error(corrupt) as parse_safetensors.
  static SafetensorsFile open(const std::filesystem::path& path);

  const std::filesystem::path& path() const { return path_; }
  /// In the order of their data in the file.
  const std::vector<TensorEntry>& entries() const { return contents_.entries; }
  const Metadata& metadata() const { return contents_.metadata; }

  /// nullptr when the file has no tensor of that name.
  const TensorEntry* find(std::string_view name) const;
  /// The same, but Error(corrupt) naming file and tensor when it is not there.
  const TensorEntry& at(std::string_view name) const;
  /// The elements of at(name) as floats; errors as at() and read_f32().
  std::vector<float> read(std::string_view name) const;
  /// out[i] = element i as a float. Error(user) when the type is not a float type or `out` has
  /// another number of elements.
  void read_f32(const TensorEntry& entry, std::span<float> out) const;

 private:
  class Mapping;
  SafetensorsFile(std::filesystem::path path, std::shared_ptr<const Mapping> mapping,
                  SafetensorsContents contents);

  std::filesystem::path path_;
  std::shared_ptr<const Mapping> mapping_;
  SafetensorsContents contents_;
  std::map<std::string, std::size_t, std::less<>> index_;  ///< name -> position in entries()
};

/// A tensor to be written: either `values`, converted to `type` (f64, f32, f16, bf16) on the way,
/// or `bytes`, copied as they are (little-endian elements of `type`).
struct TensorSource {
  std::string name;
  StoredType type = StoredType::f32;
  std::vector<std::int64_t> shape;
  std::span<const float> values = {};
  std::span<const std::byte> bytes = {};
};

/// What diffusers writes and expects.
inline Metadata default_metadata() { return {{"format", "pt"}}; }

/// The bytes of a safetensors file as the Rust writer orders them: by type alignment descending,
/// then by name; the header padded with spaces to a multiple of 8. Converts while it streams; the
/// sources' spans must outlive it. Error(user) for names, shapes and sizes that do not fit; while
/// writing, Error(numeric) for a value that is NaN, infinite or too large for `type`.
FileContent safetensors_content(std::vector<TensorSource> tensors,
                                Metadata metadata = default_metadata());

/// write_file_durably of safetensors_content.
void write_safetensors(const std::filesystem::path& path, std::vector<TensorSource> tensors,
                       Existing existing, Metadata metadata = default_metadata());

}  // namespace ddim::io
