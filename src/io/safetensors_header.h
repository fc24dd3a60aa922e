#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "io/tensor_table.h"

namespace ddim::engine::io {

/// The maximum size of a header: the Rust reader's limit.
inline constexpr std::uint64_t kMaxHeaderBytes = 100'000'000;

/// A tensor as the header declares it, before any check against the data.
struct DeclaredTensor {
  std::string name;
  StoredType type;
  std::vector<std::int64_t> shape;
  std::uint64_t begin, end;  ///< relative to the start of the data
};

struct SafetensorsHeader {
  std::vector<DeclaredTensor> tensors;  ///< in the order of the header
  Metadata metadata;
};

/// Reads the JSON of a header, whose form is fixed: an object of objects with exactly dtype, shape
/// and data_offsets, and at most one __metadata__ of strings. Bounded memory and depth.
/// Error(corrupt) naming `file_name`.
SafetensorsHeader parse_safetensors_header(std::string_view json, const std::string& file_name);

}  // namespace ddim::engine::io
