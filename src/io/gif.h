#pragma once

#include <cstddef>
#include <span>
#include <string>

#include "io/image.h"

namespace ddim::engine::io {

/// Whether this build has giflib; without it decode_gif() fails.
bool has_gif() noexcept;

/// The first frame of a GIF, on the GIF's canvas. Error(corrupt) naming `file_name` for what is
/// damaged or ends early, and for more pixels than `budget` has left; Error(user) without giflib.
Picture decode_gif(std::span<const std::byte> bytes, const std::string& file_name,
                   const PixelBudget& budget = {});

}  // namespace ddim::engine::io
