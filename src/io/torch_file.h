#pragma once

#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "io/mapped_file.h"
#include "io/pickle_value.h"
#include "io/tensor_table.h"

namespace ddim::engine::io {

/// The numbers behind one or more tensors of a file.
struct TorchStorage {
  StoredType type;
  std::int64_t num_elements;
  std::span<const std::byte> bytes;
  std::optional<std::uint32_t> crc32 = {};  ///< as the archive says; a stream of pickles has none
};

/// What torch.save wrote, either as a zip archive or, before PyTorch 1.6, as a stream of pickles:
/// the values, and the numbers that tensors among them refer to by key.
struct TorchContents {
  std::unique_ptr<const PickleTree> tree;
  std::map<std::string, TorchStorage, std::less<>> storages;
  /// The entry config.json, which our own files have and PyTorch ignores; empty where there is
  /// none.
  std::string_view config_json = {};
  /// Error of a pickle that could be read but does not have the archive's CRC-32; empty where it
  /// has.
  std::string damage = {};
  bool are_mapped = false;  ///< the numbers, as TensorEntry::is_mapped
};

/// Reads a whole file in memory and runs nothing of it. Error(corrupt) naming `file_name`: as
/// parse_zip() and parse_pickle(); storages that are missing, or whose number of bytes is not that
/// of their type and count, or which two places describe differently; big-endian files; a pickle
/// that its CRC-32 shows to be damaged, if it cannot be read (see TorchContents::damage); bytes
/// after the end; files that are not PyTorch checkpoints; checkpoints of Stable Diffusion, whose
/// name the message tells. Storages point into `file`.
TorchContents parse_torch(std::span<const std::byte> file, const std::string& file_name);

/// Whether a file begins like one that parse_torch() reads.
bool looks_like_torch(std::span<const std::byte> file);

/// Whether a value is a tensor (or a parameter that holds one).
bool is_tensor(const PickleValue& value);

/// Whether the numbers of a tensor are of a type that is read: complex ones are not.
bool has_numbers(const TorchContents& contents, const PickleValue& tensor);

/// A tensor under `name`. Error(corrupt) naming file and tensor for a call of other arguments than
/// PyTorch writes, for elements that lie outside of the storage, and for a tensor with more
/// elements than its storage.
TensorEntry tensor_of(const TorchContents& contents, const PickleValue& value,
                      const std::string& name, const std::string& file_name);

/// A mapped file and its contents.
struct TorchFile {
  std::filesystem::path path;
  std::shared_ptr<const MappedFile> file;
  TorchContents contents;

  PickleValue root() const { return contents.tree->root(); }
};
/// Error(io) when the file cannot be opened, Error(corrupt) as parse_torch().
TorchFile open_torch_file(const std::filesystem::path& path);
/// The same of `file`, which is mapped already and which messages call `path`.
TorchFile open_torch_file(const std::filesystem::path& path,
                          std::shared_ptr<const MappedFile> file);

}  // namespace ddim::engine::io
