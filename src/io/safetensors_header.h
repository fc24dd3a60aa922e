#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "io/safetensors.h"

namespace ddim::io {

/// The most that a header may say (the Rust reader's limit), and what keeps a hostile one from
/// costing more memory than its own size.
inline constexpr std::uint64_t kMaxHeaderBytes = 100'000'000;
inline constexpr std::size_t kMaxTensors = 100'000;
inline constexpr std::size_t kMaxRank = 32;
inline constexpr std::size_t kMaxNameBytes = 1024;

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

/// A name in quotes for a message: cut to 60 bytes, what is not printable ASCII as `?`.
std::string display_name(std::string_view name);

/// Why a tensor may not have this name (empty, too long, control characters); empty when it may.
std::string_view reason_against_name(std::string_view name);

/// shape x size_of(type), or -1 when a dimension is negative or the product overflows.
std::int64_t num_bytes_of(StoredType type, const std::vector<std::int64_t>& shape);

}  // namespace ddim::io
