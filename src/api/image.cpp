#include <ddim/file_bytes.h>
#include <ddim/image.h>

#include "base/error.h"
#include "base/file_output.h"
#include "io/image.h"
#include "io/image_grid.h"
#include "io/npz.h"
#include "io/picture_tensor.h"
#include "io/png.h"

namespace ddim {

using namespace engine;

namespace {

/// Calls `use` with what an .npz file of pictures holds.
void with_npz(const FloatImages& images, std::span<const std::int64_t> labels,
              const std::function<void(const FileContent&)>& use) {
  require(labels.empty() || std::ssize(labels) == images.count, "write_npz: ", labels.size(),
          " labels for ", images.count, " pictures");
  std::vector<std::uint8_t> pixels;  // [N,H,W,C]
  for (std::int64_t k = 0; k < images.count; ++k) {
    const Image image = to_image(images, k);
    pixels.insert(pixels.end(), image.pixels.begin(), image.pixels.end());
  }
  const auto produce = [&](const ByteSink& sink) { sink(std::as_bytes(std::span(pixels))); };
  use(io::picture_npz_content(images.count, images.shape, produce, labels));
}

}  // namespace

void write_png(const std::filesystem::path& path, const Image& image, const PngOptions& options) {
  io::write_png(path, image, options.text, options.overwrite);
}

Image read_png(const std::filesystem::path& path) { return io::read_png(path).image; }

std::map<std::string, std::string> read_png_text(const std::filesystem::path& path) {
  return io::read_png(path).text;
}

void check_grid(const PictureShape& shape, std::int64_t count, const GridOptions& options) {
  constexpr std::int64_t kMaxSide = 1'000'000;  // libpng's
  require(shape.channels <= 4, "a PNG has 1 to 4 channels, not ", shape.channels);
  require(count >= 1, "count must be 1 or greater; got ", count);
  require(options.columns.value_or(1) >= 1, "columns must be 1 or greater; got ",
          options.columns.value_or(1));
  require(options.scale >= 1, "scale must be 1 or greater; got ", options.scale);
  require(options.scale <= kMaxSide, "scale must be at most ", kMaxSide, "; got ", options.scale);
  const std::int64_t width = options.scale * shape.width, height = options.scale * shape.height;
  const std::int64_t columns = io::num_columns(count, options.columns);
  const std::int64_t rows = (count + columns - 1) / columns;
  require(options.row_labels.empty() || std::ssize(options.row_labels) == rows, "a grid of ", rows,
          " rows does not have ", options.row_labels.size(), " labels for them");
  require(options.column_labels.empty() || std::ssize(options.column_labels) == columns,
          "a grid of ", columns, " columns does not have ", options.column_labels.size(),
          " labels for them");
  // Sides first: their product could overflow.
  const std::int64_t most_columns = kMaxSide / (width + options.padding);
  const std::int64_t most_rows = kMaxSide / (height + options.padding);
  const bool fits = columns < most_columns && rows < most_rows &&
                    (columns * (width + options.padding) + options.padding) *
                            (rows * (height + options.padding) + options.padding) <=
                        io::kMaxPixels;
  require(fits, "a grid of ", count, " pictures of ", shape.width, "x", shape.height, " pixels in ",
          columns, columns == 1 ? " column" : " columns", " is too large for a PNG (at most ",
          io::kMaxPixels, " pixels, ", kMaxSide,
          " on a side); choose fewer pictures or other columns");
}

FloatImages read_tensor(const std::filesystem::path& path, const std::string& name) {
  return io::read_pictures(path, name);
}

void write_tensor(const std::filesystem::path& path, const std::string& name,
                  const FloatImages& images, Overwrite overwrite) {
  io::write_pictures(path, name, images, overwrite);
}

void write_npz(const std::filesystem::path& path, const FloatImages& images,
               std::span<const std::int64_t> labels, Overwrite overwrite) {
  with_npz(images, labels,
           [&](const FileContent& content) { write_file_durably(path, content, overwrite); });
}

Bytes png_bytes(const Image& image, const std::map<std::string, std::string>& text) {
  return io::encode_png(image, text);
}

Bytes npz_bytes(const FloatImages& images, std::span<const std::int64_t> labels) {
  Bytes bytes;
  with_npz(images, labels, [&](const FileContent& content) { bytes = content.bytes(); });
  return bytes;
}

Bytes tensor_bytes(const std::string& name, const FloatImages& images) {
  return io::picture_bytes(name, images);
}

}  // namespace ddim
