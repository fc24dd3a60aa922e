#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "base/file_output.h"
#include "io/tensor_table.h"

namespace ddim::engine::io {

/// A tensor to be written, from one of four sources: `values`, converted to `type` (f64, f32, f16,
/// bf16) on the way; `entry`, a tensor of another file, likewise unless it has that type already;
/// or `bytes`, copied as they are (little-endian elements of `type`, row-major), or `produce`,
/// which hands these bytes over. The source must outlive the writing.
struct TensorSource {
  std::string name;
  StoredType type = StoredType::f32;
  std::vector<std::int64_t> shape;
  std::span<const float> values = {};
  std::span<const std::byte> bytes = {};
  const TensorEntry* entry = nullptr;
  std::function<void(const ByteSink&)> produce = {};
};

/// Error(user) for a name or a shape that no file can hold and for a source of another size;
/// Error(internal) for more than one source and for a source whose type cannot be converted.
void check_source(const TensorSource& tensor);

/// Hands the num_bytes_of(type, shape) bytes of a tensor to `sink`, converting piece by piece: no
/// second copy of it exists (except of an entry whose axes are in another order), and the pages of
/// an entry's mapped file are given back. Error(numeric) for a value that is NaN, infinite or too
/// large for `type`.
void write_elements(const TensorSource& tensor, const ByteSink& sink);

}  // namespace ddim::engine::io
