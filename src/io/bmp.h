#pragma once

#include <cstddef>
#include <span>
#include <string>

#include "io/image.h"

namespace ddim::engine::io {

/// Decodes a BMP of Windows or OS/2: 1 to 32 bits per pixel, palettes, bit masks, run lengths of 4
/// and 8 bits. Palettes of greys alone become grey. Error(corrupt) naming `file_name` for others,
/// for what is damaged or ends early, and for more pixels than `budget` has left.
Picture decode_bmp(std::span<const std::byte> bytes, const std::string& file_name,
                   const PixelBudget& budget = {});

}  // namespace ddim::engine::io
