#pragma once

#include <cstddef>
#include <span>
#include <string>

#include "io/torch_file.h"

namespace ddim::engine::io {

/// Whether a file begins with the magic number of torch.save before PyTorch 1.6.
bool is_torch_stream(std::span<const std::byte> file);

/// Reads such a stream: the pickles of the magic number, the version (1001), the system (little-
/// endian), the values and the list of storage keys; then for each key a 64-bit count and so many
/// elements. Errors as parse_torch().
TorchContents parse_torch_stream(std::span<const std::byte> file, const std::string& file_name);

}  // namespace ddim::engine::io
