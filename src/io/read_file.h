#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

namespace ddim::io {

/// The bytes of a whole regular file. Error(io) when it cannot be read, Error(corrupt) when it is
/// larger than `max_bytes`; both name the file.
std::string read_file(const std::filesystem::path& path, std::uint64_t max_bytes);

}  // namespace ddim::io
