#pragma once

#include <cstddef>
#include <filesystem>
#include <span>
#include <string>

#include "io/image.h"

namespace ddim::engine::io {

/// The picture in a file, whose content alone tells its kind: PNG, JPEG, BMP and, where this build
/// has their libraries, WebP, GIF (the first frame) and TIFF (the first page). It comes upright.
/// Error(corrupt) naming `file_name` for what is no such picture, saying what it is; for one that
/// is damaged or ends early; for more pixels than `budget` has left. What a decoder only warns of
/// is in Picture::warning.
Picture decode_picture(std::span<const std::byte> bytes, const std::string& file_name,
                       const PixelBudget& budget = {});
/// The same for a file. Error(io) when it cannot be read.
Picture read_picture(const std::filesystem::path& path);

}  // namespace ddim::engine::io
