#include "io/image_grid.h"

#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "io/image_text.h"

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

PngText with_grid(PngText text, std::int64_t count, const GridOptions& grid) {
  if (text.empty()) return text;
  if (count > 1) text["columns"] = std::to_string(num_columns(count, grid.columns));
  if (grid.scale != 1) text["scale"] = std::to_string(grid.scale);
  return text;
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

namespace {

void require_one_size(std::span<const Image> images) {
  require(!images.empty(), "a grid needs at least one picture");
  const Image& first = images.front();
  for (const Image& image : images) {
    require(image.width == first.width && image.height == first.height &&
                image.channels == first.channels && image.pixels.size() == first.num_samples(),
            "a grid needs pictures of one size: ", first.width, "x", first.height, "x",
            first.channels, " and ", image.width, "x", image.height, "x", image.channels,
            " were given");
  }
}

/// A picture of one grey level; alpha, where there is one, is the level too at 0 and else opaque.
Image blank(std::int64_t width, std::int64_t height, std::int64_t channels, std::uint8_t level) {
  Image image{width, height, channels, {}};
  image.pixels.assign(image.num_samples(), level);
  if (level > 0 && (channels == 2 || channels == 4))
    for (std::size_t i = static_cast<std::size_t>(channels) - 1; i < image.pixels.size();
         i += static_cast<std::size_t>(channels))
      image.pixels[i] = 255;
  return image;
}

/// Puts `image`, enlarged, into `into`, where it fits.
void put(const Image& image, std::int64_t scale, std::int64_t left, std::int64_t top, Image& into) {
  const auto channels = static_cast<std::ptrdiff_t>(image.channels);
  for (std::int64_t y = 0; y < image.height * scale; ++y) {
    auto to = into.pixels.begin() + ((top + y) * into.width + left) * channels;
    auto from = image.pixels.begin() + y / scale * image.width * channels;
    for (std::int64_t x = 0; x < image.width; ++x, from += channels)
      for (std::int64_t i = 0; i < scale; ++i) to = std::copy(from, from + channels, to);
  }
}

}  // namespace

Image make_grid(std::span<const Image> images, const GridOptions& options) {
  require(options.columns.value_or(1) > 0, "columns must be 1 or greater; got ",
          options.columns.value_or(1));
  require(options.padding >= 0, "padding must be 0 or greater; got ", options.padding);
  require(options.scale > 0, "scale must be 1 or greater; got ", options.scale);
  require_one_size(images);
  constexpr std::uint8_t kGrey = 128;
  const Image& first = images.front();
  const auto count = static_cast<std::int64_t>(images.size());
  const std::int64_t pad = count == 1 ? 0 : options.padding;
  const std::int64_t columns = io::num_columns(count, options.columns);
  const std::int64_t rows = (count + columns - 1) / columns;
  const std::int64_t width = first.width * options.scale + pad;
  const std::int64_t height = first.height * options.scale + pad;
  Image grid = blank(columns * width + pad, rows * height + pad, first.channels,
                     options.scale > 1 ? kGrey : 0);
  for (std::int64_t i = 0; i < count; ++i)
    put(images[static_cast<std::size_t>(i)], options.scale, pad + i % columns * width,
        pad + i / columns * height, grid);
  return grid;
}

std::int64_t readable_scale(std::int64_t count, const PictureShape& shape,
                            const std::optional<std::int64_t>& columns) {
  constexpr std::int64_t kMaxSide = 1024;
  constexpr std::int64_t kMaxScale = 8;
  const std::int64_t wide = io::num_columns(std::max<std::int64_t>(count, 1), columns);
  const std::int64_t high = (count + wide - 1) / wide;
  const std::int64_t side = std::max({wide * shape.width, high * shape.height, std::int64_t{1}});
  return std::clamp<std::int64_t>(kMaxSide / side, 1, kMaxScale);
}

Image make_labelled_table(std::span<const Image> cells, const std::vector<std::string>& rows,
                          const std::vector<std::string>& columns) {
  require(!rows.empty() && !columns.empty() && cells.size() == rows.size() * columns.size(),
          "a table of ", rows.size(), " rows and ", columns.size(), " columns does not have ",
          cells.size(), " cells");
  require_one_size(cells);
  const Image& first = cells.front();
  constexpr std::int64_t kGap = 8;
  constexpr std::int64_t kNarrowCell = 120;
  const std::int64_t text = first.width < kNarrowCell ? 1 : 2;
  const auto width_of = [text](const std::string& label) {
    return std::ssize(label) * io::kTextWidth * text;
  };
  std::int64_t left = 0;
  for (const std::string& row : rows) left = std::max(left, width_of(row));
  left += 2 * kGap;
  const std::int64_t top = io::kTextHeight * text + 2 * kGap;
  const std::int64_t width = first.width + kGap;
  const std::int64_t height = first.height + kGap;
  Image table = blank(left + std::ssize(columns) * width, top + std::ssize(rows) * height,
                      first.channels, 255);
  const auto characters = static_cast<std::size_t>(first.width / (io::kTextWidth * text));
  for (std::size_t c = 0; c < columns.size(); ++c) {
    const std::string label = columns[c].substr(0, characters);
    const std::int64_t middle = (first.width - width_of(label) + text) / 2;
    io::draw_text(table, left + static_cast<std::int64_t>(c) * width + middle, kGap, label, text,
                  0);
  }
  for (std::size_t r = 0; r < rows.size(); ++r) {
    const std::int64_t y = top + static_cast<std::int64_t>(r) * height;
    io::draw_text(table, kGap, y + (first.height - io::kTextHeight * text) / 2, rows[r], text, 0);
    for (std::size_t c = 0; c < columns.size(); ++c)
      put(cells[r * columns.size() + c], 1, left + static_cast<std::int64_t>(c) * width, y, table);
  }
  return table;
}

}  // namespace ddim
