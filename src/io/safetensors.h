#pragma once

#include <cstddef>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/file_output.h"
#include "io/tensor_source.h"
#include "io/tensor_table.h"

namespace ddim::engine::io {

/// What a safetensors file declares: entries in the order of their data.
struct SafetensorsContents {
  std::vector<TensorEntry> entries;
  Metadata metadata;
};

/// Whether a length is followed by what may be a header, which no other kind of file has there.
bool begins_like_safetensors(std::span<const std::byte> file);

/// Checks and reads a whole file in memory: header length, JSON of exactly the expected form, no
/// duplicate or unprintable names, known types, shape x type size = range without overflow, ranges
/// that tile the data without hole or overlap up to the last byte. Error(corrupt) naming
/// `file_name` and the tensor otherwise. The entries' spans point into `file`.
SafetensorsContents parse_safetensors(std::span<const std::byte> file,
                                      const std::string& file_name);

/// A safetensors file mapped into memory.
class SafetensorsFile : public TensorTable {
 public:
  /// Error(io) when the file cannot be opened, Error(corrupt) as parse_safetensors.
  static SafetensorsFile open(const std::filesystem::path& path);
  /// The same of `file`, which is mapped already and which messages call `path`.
  static SafetensorsFile open(const std::filesystem::path& path,
                              std::shared_ptr<const MappedFile> file);

 private:
  using TensorTable::TensorTable;
};

/// What diffusers writes and expects.
inline Metadata default_metadata() { return {{"format", "pt"}}; }

/// Whether a written file carries the CRC-32 of its tensors (kCrc32Key in digests.h).
enum class Digests { leave_out, write };

/// The bytes of a safetensors file as the Rust writer orders them: by type alignment descending,
/// then by name; the header padded with spaces to a multiple of 8. Converts while it streams, twice
/// where digests are written, which stand before the data; the sources' spans must outlive it.
/// Errors as check_source(), and Error(internal) for two tensors of one name; while writing,
/// Error(numeric) for a value that is NaN, infinite or too large for `type`.
FileContent safetensors_content(std::vector<TensorSource> tensors,
                                Metadata metadata = default_metadata(),
                                Digests digests = Digests::leave_out);

/// write_file_durably of safetensors_content.
void write_safetensors(const std::filesystem::path& path, std::vector<TensorSource> tensors,
                       Overwrite overwrite, Metadata metadata = default_metadata());

}  // namespace ddim::engine::io
