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
                image.channels == first.channels,
            "a grid needs pictures of one size: ", first.width, "x", first.height, "x",
            first.channels, " and ", image.width, "x", image.height, "x", image.channels,
            " were given");
    require(image.width >= 1 && image.height >= 1 && image.channels >= 1 &&
                static_cast<double>(image.pixels.size()) == static_cast<double>(image.width) *
                                                                static_cast<double>(image.height) *
                                                                static_cast<double>(image.channels),
            "a picture of ", image.width, "x", image.height, "x", image.channels,
            " (width, height, channels) does not have ", image.pixels.size(), " samples");
  }
}

constexpr std::int64_t kMaxSide = 1'000'000;  ///< of a PNG: libpng's

/// Sides in double, whose products cannot overflow.
template <class... Parts>
void require_png_of(double width, double height, const Parts&... what) {
  require(width <= static_cast<double>(kMaxSide) && height <= static_cast<double>(kMaxSide) &&
              width * height <= static_cast<double>(io::kMaxPixels),
          what..., " is too large for a PNG (at most ", io::kMaxPixels, " pixels, ", kMaxSide,
          " on a side); choose fewer pictures or other columns");
}

void require_labels(const std::vector<std::string>& labels, std::int64_t count, const char* what) {
  require(labels.empty() || std::ssize(labels) == count, "a grid of ", count, " ", what,
          " does not have ", labels.size(), " labels for them");
}

/// How a grid is divided, and the border around each picture.
struct Division {
  std::int64_t rows, columns, padding;
};
Division division_of(std::int64_t count, const GridOptions& options) {
  const std::int64_t columns = io::num_columns(count, options.columns);
  return {.rows = (count - 1) / columns + 1,
          .columns = columns,
          .padding = count == 1 ? 0 : options.padding};
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

/// Where the cells of a table are.
struct Cells {
  std::int64_t left, top;  ///< of the first
  std::int64_t width, height;
  std::int64_t gap;  ///< between them
  std::int64_t x(std::int64_t column) const { return left + column * (width + gap); }
  std::int64_t y(std::int64_t row) const { return top + row * (height + gap); }
};

constexpr std::int64_t kMargin = 8;  ///< around labels
constexpr std::uint8_t kWhite = 255;

std::int64_t width_of(const std::string& label, std::int64_t scale) {
  return std::ssize(label) * io::kTextWidth * scale;
}

/// The place that labels of rows and of columns need.
std::int64_t left_margin(const std::vector<std::string>& rows, std::int64_t scale) {
  std::int64_t width = 0;
  for (const std::string& row : rows) width = std::max(width, width_of(row, scale));
  return rows.empty() ? 0 : width + 2 * kMargin;
}
std::int64_t top_margin(const std::vector<std::string>& columns, std::int64_t scale) {
  return columns.empty() ? 0 : io::kTextHeight * scale + 2 * kMargin;
}

/// Those of the columns are at the height `top`.
void draw_labels(Image& table, const Cells& cells, const std::vector<std::string>& rows,
                 const std::vector<std::string>& columns, std::int64_t top, std::int64_t scale) {
  const auto most = static_cast<std::size_t>(cells.width / (io::kTextWidth * scale));
  for (std::int64_t c = 0; c < std::ssize(columns); ++c) {
    const std::string label = columns[static_cast<std::size_t>(c)].substr(0, most);
    const std::int64_t middle = (cells.width - width_of(label, scale) + scale) / 2;
    io::draw_text(table, cells.x(c) + middle, top, label, scale, 0);
  }
  for (std::int64_t r = 0; r < std::ssize(rows); ++r) {
    const std::int64_t middle = (cells.height - io::kTextHeight * scale) / 2;
    io::draw_text(table, kMargin, cells.y(r) + middle, rows[static_cast<std::size_t>(r)], scale, 0);
  }
}

/// The grid with white margins that hold the labels, in letters that fit the cells.
Image with_labels(const Image& grid, Cells cells, const GridOptions& options) {
  const std::vector<std::string>&rows = options.row_labels, &columns = options.column_labels;
  std::int64_t scale = std::clamp<std::int64_t>(cells.height / 40, 1, 2);
  for (const std::string& column : columns)
    if (width_of(column, scale) > cells.width) scale = 1;
  const std::int64_t left = left_margin(rows, scale);
  const std::int64_t title = options.title.empty() ? 0 : io::kTextHeight * scale + 2 * kMargin;
  const std::int64_t top = title + top_margin(columns, scale);
  Image table = blank(left + grid.width, top + grid.height, grid.channels, kWhite);
  put(grid, 1, left, top, table);
  cells.left += left;
  cells.top += top;
  draw_labels(table, cells, rows, columns, title + kMargin, scale);
  io::draw_text(table, left + kMargin, kMargin, options.title, scale, 0);
  return table;
}

}  // namespace

void check_grid(const PictureShape& shape, std::int64_t count, const GridOptions& options) {
  require(shape.channels <= 4, "a PNG has 1 to 4 channels, not ", shape.channels);
  require(count >= 1, "count must be 1 or greater; got ", count);
  require(options.columns.value_or(1) >= 1, "columns must be 1 or greater; got ",
          options.columns.value_or(1));
  require(options.padding >= 0, "padding must be 0 or greater; got ", options.padding);
  require(options.scale >= 1, "scale must be 1 or greater; got ", options.scale);
  require(options.scale <= kMaxSide, "scale must be at most ", kMaxSide, "; got ", options.scale);
  const auto [rows, columns, padding] = division_of(count, options);
  require_labels(options.row_labels, rows, "rows");
  require_labels(options.column_labels, columns, "columns");
  const auto side = [&, padding = padding](std::int64_t num_cells, std::int64_t size) {
    const double cell = static_cast<double>(options.scale) * static_cast<double>(size) +
                        static_cast<double>(padding);
    return static_cast<double>(num_cells) * cell + static_cast<double>(padding);
  };
  require_png_of(side(columns, shape.width), side(rows, shape.height), "a grid of ", count,
                 " pictures of ", shape.width, "x", shape.height, " pixels in ", columns,
                 columns == 1 ? " column" : " columns");
}

Image make_grid(std::span<const Image> images, const GridOptions& options) {
  require_one_size(images);
  constexpr std::uint8_t kGrey = 128;
  const Image& first = images.front();
  const auto count = static_cast<std::int64_t>(images.size());
  check_grid({.channels = first.channels, .height = first.height, .width = first.width}, count,
             options);
  const auto [rows, columns, pad] = division_of(count, options);
  const Cells cells{.left = pad,
                    .top = pad,
                    .width = first.width * options.scale,
                    .height = first.height * options.scale,
                    .gap = pad};
  Image grid = blank(columns * (cells.width + pad) + pad, rows * (cells.height + pad) + pad,
                     first.channels, options.scale > 1 ? kGrey : 0);
  for (std::int64_t i = 0; i < count; ++i)
    put(images[static_cast<std::size_t>(i)], options.scale, cells.x(i % columns),
        cells.y(i / columns), grid);
  const bool is_plain =
      options.title.empty() && options.row_labels.empty() && options.column_labels.empty();
  return is_plain ? grid : with_labels(grid, cells, options);
}

std::int64_t readable_scale(std::int64_t count, const PictureShape& shape,
                            const std::optional<std::int64_t>& columns) {
  constexpr std::int64_t kReadableSide = 1024;
  constexpr std::int64_t kMaxScale = 8;
  const std::int64_t wide = io::num_columns(std::max<std::int64_t>(count, 1), columns);
  const std::int64_t high = (count + wide - 1) / wide;
  const std::int64_t side = std::max({wide * shape.width, high * shape.height, std::int64_t{1}});
  return std::clamp<std::int64_t>(kReadableSide / side, 1, kMaxScale);
}

Image make_labelled_table(std::span<const Image> cells, const std::vector<std::string>& rows,
                          const std::vector<std::string>& columns) {
  require(!rows.empty() && !columns.empty() && cells.size() == rows.size() * columns.size(),
          "a table of ", rows.size(), " rows and ", columns.size(), " columns does not have ",
          cells.size(), " cells");
  require_one_size(cells);
  const Image& first = cells.front();
  constexpr std::int64_t kNarrowCell = 120;
  const std::int64_t text = first.width < kNarrowCell ? 1 : 2;
  const Cells places{.left = left_margin(rows, text),
                     .top = top_margin(columns, text),
                     .width = first.width,
                     .height = first.height,
                     .gap = kMargin};
  require_png_of(static_cast<double>(places.x(std::ssize(columns))),
                 static_cast<double>(places.y(std::ssize(rows))), "a table of ", rows.size(),
                 " rows and ", columns.size(), " columns of ", first.width, "x", first.height,
                 " pixels");
  Image table =
      blank(places.x(std::ssize(columns)), places.y(std::ssize(rows)), first.channels, kWhite);
  for (std::size_t i = 0; i < cells.size(); ++i)
    put(cells[i], 1, places.x(static_cast<std::int64_t>(i % columns.size())),
        places.y(static_cast<std::int64_t>(i / columns.size())), table);
  draw_labels(table, places, rows, columns, kMargin, text);
  return table;
}

}  // namespace ddim
