#pragma once

#include <cstddef>
#include <span>
#include <string>

namespace ddim::io {

/// What people download or name by mistake gets its own message: Error(corrupt), saying what
/// `file_name` is and what to do, for a git-LFS pointer, an HTML page, a gzip or HDF5 file, a
/// picture. Returns for anything else.
void refuse_strangers(std::span<const std::byte> file, const std::string& file_name);

}  // namespace ddim::io
