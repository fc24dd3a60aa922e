#include "io/image_grid.h"

#include <algorithm>
#include <cmath>

#include "base/error.h"

namespace ddim::engine::io {

Image to_bytes(std::span<const float> x, std::int64_t height, std::int64_t width,
               std::int64_t channels) {
  Image image{width, height, channels, {}};
  require(width > 0 && height > 0 && channels > 0 && x.size() == image.num_samples(),
          "to_bytes: a picture of ", width, "x", height, "x", channels, " does not have ", x.size(),
          " values");
  image.pixels.resize(x.size());
  for (std::size_t i = 0; i < x.size(); ++i) {
    if (std::isnan(x[i])) {
      fail(ErrorCode::numeric, "to_bytes: value ", i, " of the picture is NaN");
    }
    // In float, as torchvision does it, so that ties fall the same way.
    const float y = std::clamp((x[i] + 1.0F) / 2.0F, 0.0F, 1.0F);
    image.pixels[i] = static_cast<std::uint8_t>(std::floor(255.0F * y + 0.5F));
  }
  return image;
}

std::int64_t num_columns(std::int64_t count, std::optional<std::int64_t> wanted) {
  const auto square = static_cast<std::int64_t>(std::ceil(std::sqrt(static_cast<double>(count))));
  return std::min(wanted.value_or(square), count);
}

}  // namespace ddim::engine::io

namespace ddim {

using namespace engine;

Image to_image(const FloatImages& images, std::int64_t index) {
  const PictureShape& shape = images.shape;
  require(index >= 0 && index < images.count, "to_image: index ", index, " of ", images.count,
          " images");
  const std::size_t size = static_cast<std::size_t>(images.count) * shape.size();
  require(images.values.size() == size, "to_image: ", images.count, " pictures of ",
          to_string(shape), " need ", size, " values, not ", images.values.size());
  return io::to_bytes(images[index], shape.height, shape.width, shape.channels);
}

Image make_grid(std::span<const Image> images, const GridOptions& options) {
  require(!images.empty(), "a grid needs at least one picture");
  require(options.columns.value_or(1) > 0, "columns must be 1 or greater; got ",
          options.columns.value_or(1));
  require(options.padding >= 0, "padding must be 0 or greater; got ", options.padding);
  const Image& first = images.front();
  for (const Image& image : images) {
    require(image.width == first.width && image.height == first.height &&
                image.channels == first.channels && image.pixels.size() == first.num_samples(),
            "a grid needs pictures of one size: ", first.width, "x", first.height, "x",
            first.channels, " and ", image.width, "x", image.height, "x", image.channels,
            " were given");
  }
  if (images.size() == 1) return first;

  const auto count = static_cast<std::int64_t>(images.size());
  const std::int64_t columns = io::num_columns(count, options.columns);
  const std::int64_t rows = (count + columns - 1) / columns;
  const std::int64_t pad = options.padding;
  Image grid{
      columns * (first.width + pad) + pad, rows * (first.height + pad) + pad, first.channels, {}};
  grid.pixels.assign(grid.num_samples(), 0);
  const auto row_bytes = static_cast<std::ptrdiff_t>(first.width * first.channels);
  for (std::int64_t i = 0; i < count; ++i) {
    const std::int64_t left = pad + i % columns * (first.width + pad);
    const std::int64_t top = pad + i / columns * (first.height + pad);
    for (std::int64_t y = 0; y < first.height; ++y) {
      const auto from = images[static_cast<std::size_t>(i)].pixels.begin() + y * row_bytes;
      std::copy(from, from + row_bytes,
                grid.pixels.begin() + ((top + y) * grid.width + left) * grid.channels);
    }
  }
  return grid;
}

}  // namespace ddim
