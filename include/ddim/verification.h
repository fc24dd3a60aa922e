#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "ddim/export.h"

namespace ddim {

/// Whether the bytes of weights are compared with the digests that their files carry: the CRC-32 of
/// PyTorch's archives and of safetensors files that ddim wrote, the SHA-256 in the manifest of a
/// checkpoint. A file without any is taken as it is.
enum class Verification { check, skip };

/// One file, or one tensor of a file, and what its digest says.
struct VerifiedFile {
  std::filesystem::path path = {};
  std::uint64_t size_bytes = 0;
  std::string digest = {};   ///< "SHA-256 of the manifest", "CRC-32 of 342 tensors"; empty if none
  std::string problem = {};  ///< a sentence that names the file; empty for a file that is whole
};

/// Compares every digest of a training run's folder (its configuration, all its checkpoints), a
/// checkpoint, a model's folder or a file of weights with the bytes. Error(user) when there is
/// nothing to verify, Error(io) when a file cannot be read: that says nothing about it.
DDIM_API std::vector<VerifiedFile> verify_files(const std::filesystem::path& path);

}  // namespace ddim
