#pragma once

#include <ddim/picture_shape.h>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/file_output.h"

namespace ddim::engine::io {

/// An array of an .npz file, in C order.
struct NpzArray {
  std::string name;  ///< "arr_0"
  std::string type;  ///< NumPy's: "|u1" bytes, "<i8" 64-bit integers, "<f4" floats
  std::vector<std::int64_t> shape;
  std::span<const std::byte> bytes = {};
  /// For writing, in place of `bytes`: hands over as many as shape and type need.
  std::function<void(const ByteSink&)> produce = {};
  std::shared_ptr<const std::string> unpacked = {};  ///< what `bytes` are of, in a compressed file
  std::string problem = {};                          ///< why it is not read; see OddArrays
};

/// What an .npy file of version 1.0 begins with.
inline constexpr std::string_view kNpyMagic{"\x93NUMPY\x01\x00", 8};

/// Bytes of a number of a type that is understood: whole numbers of 8 to 64 bits, floats of 16
/// to 64, booleans; 0 for others.
std::size_t npz_type_size(std::string_view type);

/// The bytes of an .npz file, as numpy.savez() arranges them: a zip archive of stored .npy files.
/// What the arrays refer to must outlive it.
FileContent npz_content(std::vector<NpzArray> arrays);

/// The same for `count` pictures: arr_0 [N,H,W,C] of bytes, which `produce` hands over, and, where
/// there are some, their labels as arr_1 [N]. What the arguments refer to must outlive it.
FileContent picture_npz_content(std::int64_t count, const PictureShape& shape,
                                std::function<void(const ByteSink&)> produce,
                                std::span<const std::int64_t> labels);

/// What becomes of arrays that are not read (texts, objects, other orders): the file is refused, or
/// they are kept without their bytes, with `problem` set, unless all are odd.
enum class OddArrays { refuse, keep };

/// The arrays of an .npz file; their bytes point into it or, of compressed ones, are kept by the
/// arrays. Error(corrupt) naming `file_name` and the array for what is not such a file, for Fortran
/// order, numbers of big-endian machines, and types other than whole numbers of 8 to 64 bits,
/// floats of 16 to 64 and booleans, and for bytes that do not have their CRC-32; and as
/// parse_zip(). Where `wanted` names some, others are not looked at, and there may be none.
std::vector<NpzArray> parse_npz(std::span<const std::byte> file, const std::string& file_name,
                                OddArrays odd = OddArrays::refuse,
                                std::span<const std::string_view> wanted = {});

/// The names of an .npz file's arrays, of which nothing else is read. Errors as parse_zip().
std::vector<std::string> names_in_npz(std::span<const std::byte> file,
                                      const std::string& file_name);

/// The array of an .npy file, as numpy.save() writes it, by the name arr_0. Errors as parse_npz().
NpzArray parse_npy(std::span<const std::byte> file, const std::string& file_name);

}  // namespace ddim::engine::io
