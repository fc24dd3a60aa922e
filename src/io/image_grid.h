#pragma once

#include <cstdint>
#include <optional>
#include <span>

#include "io/image.h"

namespace ddim::io {

/// A network's output as a picture: floor(255 y + 0.5) with y = (x + 1) / 2 clamped to [0, 1], as
/// torchvision's save_image (paper.md A.5 item 5). `x` is [height, width, channels].
/// Error(numeric) for NaN, Error(user) when the sizes do not agree.
Image to_bytes(std::span<const float> x, std::int64_t height, std::int64_t width,
               std::int64_t channels);

struct GridOptions {
  std::optional<std::int64_t> columns;  ///< default: the least square that holds all
  std::int64_t padding = 2;
  std::uint8_t background = 0;
};

/// How many columns a grid of so many pictures has; none are empty.
std::int64_t num_columns(std::int64_t count, std::optional<std::int64_t> wanted);

/// Pictures of one size, row by row, with `padding` pixels around each, as torchvision's make_grid;
/// a single picture comes back as it is. Error(user) for none, or for different sizes.
Image make_grid(std::span<const Image> images, const GridOptions& options = {});

}  // namespace ddim::io
