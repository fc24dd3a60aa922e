#pragma once

#include <cstddef>
#include <span>

namespace ddim::engine::io {

/// The Orientation (1 to 8) in EXIF data, which begin as a TIFF file does; 1, as it is to be seen,
/// where they say nothing or cannot be read. A leading "Exif\0\0" is passed over.
int exif_orientation(std::span<const std::byte> exif);

}  // namespace ddim::engine::io
