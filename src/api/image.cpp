#include <ddim/image.h>

#include <algorithm>

#include "api/io_image.h"
#include "api/overwrite.h"
#include "base/error.h"
#include "io/image_grid.h"
#include "io/png.h"

namespace ddim {
Image to_image(const FloatImages& images, std::int64_t index) {
  require(index >= 0 && index < images.count, "to_image: index ", index, " of ", images.count,
          " images");
  const auto size = static_cast<std::size_t>(images.height * images.width * images.channels);
  require(images.values.size() == size * static_cast<std::size_t>(images.count),
          "to_image: count, height, width and channels need ",
          size * static_cast<std::size_t>(images.count), " values, not ", images.values.size());
  const float* planes = images.values.data() + static_cast<std::size_t>(index) * size;  // [C,H,W]
  std::vector<float> pixels(size);                                                      // [H,W,C]
  const std::int64_t plane = images.height * images.width;
  for (std::int64_t c = 0; c < images.channels; ++c)
    for (std::int64_t p = 0; p < plane; ++p)
      pixels[static_cast<std::size_t>(p * images.channels + c)] = planes[c * plane + p];
  return from_io(io::to_bytes(pixels, images.height, images.width, images.channels));
}

void write_png(const std::filesystem::path& path, const Image& image, const PngOptions& options) {
  io::write_png(path, to_io(image), options.text, existing_of(options.overwrite));
}

Image read_png(const std::filesystem::path& path) { return from_io(io::read_png(path).image); }

std::map<std::string, std::string> read_png_text(const std::filesystem::path& path) {
  return io::read_png(path).text;
}

Image make_grid(std::span<const Image> images, const GridOptions& options) {
  std::vector<io::Image> pictures;
  std::ranges::transform(images, std::back_inserter(pictures), to_io);
  return from_io(io::make_grid(pictures, {.columns = options.columns, .padding = options.padding}));
}

}  // namespace ddim
