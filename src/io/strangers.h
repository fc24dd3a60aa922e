#pragma once

#include <cstddef>
#include <span>
#include <string>

namespace ddim::engine::io {

/// Refuses what people often download or name by mistake: a git-LFS pointer, an HTML page, a gzip,
/// xz or HDF5 file, a picture. Error(corrupt) says what `file_name` is and what to do. Returns for
/// anything else.
void refuse_strangers(std::span<const std::byte> file, const std::string& file_name);

}  // namespace ddim::engine::io
