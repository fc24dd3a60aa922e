#pragma once

#include <cstdint>
#include <optional>
#include <span>

#include "io/image.h"
#include "io/png.h"

namespace ddim::engine::io {

/// A network's output as a picture: floor(255 y + 0.5) with y = (x + 1) / 2 clamped to [0, 1], as
/// torchvision's save_image. `x` is [height, width, channels].
/// Error(numeric) for NaN, Error(user) when the sizes do not agree.
Image to_bytes(std::span<const float> x, std::int64_t height, std::int64_t width,
               std::int64_t channels);

/// The text of a grid's file: what `text` says of the pictures, and columns and scale where they
/// are not those of a single picture. Empty text stays empty.
PngText with_grid(PngText text, std::int64_t count, const GridOptions& grid);

/// Columns of a grid of `count` pictures; none are empty.
std::int64_t num_columns(std::int64_t count, std::optional<std::int64_t> wanted);

}  // namespace ddim::engine::io
