#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

#include "base/file_output.h"

namespace ddim::engine::io {

/// The bytes of a whole regular file. Error(io) when it cannot be read, Error(corrupt) when it is
/// larger than `max_bytes`; both name the file.
std::string read_file(const std::filesystem::path& path, std::uint64_t max_bytes);

/// Hands the bytes of a whole regular file to `sink`, in order and in pieces. Error(io) as
/// read_file(); what `sink` throws is passed on.
void read_pieces(const std::filesystem::path& path, const ByteSink& sink);

}  // namespace ddim::engine::io
