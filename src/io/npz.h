#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "base/file_output.h"

namespace ddim::engine::io {

/// An array of an .npz file, in C order.
struct NpzArray {
  std::string name;  ///< "arr_0"
  std::string type;  ///< NumPy's: "|u1" bytes, "<i8" 64-bit integers, "<f4" floats, "<f8"
  std::vector<std::int64_t> shape;
  std::span<const std::byte> bytes = {};
  /// For writing, in place of `bytes`: hands over as many as shape and type need.
  std::function<void(const ByteSink&)> produce = {};
};

/// The bytes of an .npz file, as numpy.savez() arranges them: a zip archive of stored .npy files.
/// What the arrays refer to must outlive it.
FileContent npz_content(std::vector<NpzArray> arrays);

/// The arrays of an .npz file; their bytes point into it. Error(corrupt) naming `file_name` and the
/// array for what is not such a file, for Fortran order and for types other than those four, and,
/// as parse_zip(), for compressed archives (write them with numpy.savez).
std::vector<NpzArray> parse_npz(std::span<const std::byte> file, const std::string& file_name);

}  // namespace ddim::engine::io
