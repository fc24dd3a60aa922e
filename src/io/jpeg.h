#pragma once

#include <cstddef>
#include <filesystem>
#include <span>
#include <string>

#include "io/image.h"

namespace ddim::engine::io {

/// Decodes a JPEG, grey or colour, baseline or progressive, with the slow (accurate) integer
/// transform. Error(corrupt) naming `file_name` for CMYK, for whatever libjpeg warns of (data that
/// end early among it) and for more than kMaxPixels.
Image decode_jpeg(std::span<const std::byte> bytes, const std::string& file_name,
                  Channels channels = Channels::as_stored);
/// The same for a file. Error(io) when it cannot be read.
Image read_jpeg(const std::filesystem::path& path, Channels channels = Channels::as_stored);

}  // namespace ddim::engine::io
