#pragma once

#include <cstddef>
#include <span>
#include <string>

#include "io/image.h"

namespace ddim::engine::io {

/// Whether this build has libtiff; without it decode_tiff() fails.
bool has_tiff() noexcept;

/// The first page of a TIFF: 8 or 16 bits of grey or RGB, with alpha or without, are kept; other
/// kinds that libtiff can show become 8-bit RGB. Error(corrupt) naming `file_name` for what is
/// damaged or ends early, for samples that are no colours (floats, signed numbers) and for more
/// pixels than `budget` has left; Error(user) without libtiff.
Picture decode_tiff(std::span<const std::byte> bytes, const std::string& file_name,
                    const PixelBudget& budget = {});

}  // namespace ddim::engine::io
