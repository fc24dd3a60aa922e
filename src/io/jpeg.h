#pragma once

#include <cstddef>
#include <span>
#include <string>

#include "io/image.h"

namespace ddim::engine::io {

/// Decodes a JPEG: grey, colour, CMYK or YCCK (which become RGB), baseline or progressive, with the
/// slow (accurate) integer transform. Error(corrupt) naming `file_name` for what libjpeg refuses,
/// for data that end early, for more than 200 scans and for more pixels than `budget` has left.
Picture decode_jpeg(std::span<const std::byte> bytes, const std::string& file_name,
                    const PixelBudget& budget = {});

}  // namespace ddim::engine::io
