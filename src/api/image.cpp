#include <ddim/image.h>

#include "base/error.h"
#include "base/file_output.h"
#include "io/npz.h"
#include "io/picture_tensor.h"
#include "io/png.h"

namespace ddim {

using namespace engine;

void write_png(const std::filesystem::path& path, const Image& image, const PngOptions& options) {
  io::write_png(path, image, options.text, options.overwrite);
}

Image read_png(const std::filesystem::path& path) { return io::read_png(path).image; }

std::map<std::string, std::string> read_png_text(const std::filesystem::path& path) {
  return io::read_png(path).text;
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
  require(labels.empty() || std::ssize(labels) == images.count, "write_npz: ", labels.size(),
          " labels for ", images.count, " pictures");
  std::vector<std::uint8_t> pixels;  // [N,H,W,C]
  for (std::int64_t k = 0; k < images.count; ++k) {
    const Image image = to_image(images, k);
    pixels.insert(pixels.end(), image.pixels.begin(), image.pixels.end());
  }
  const auto& [channels, height, width] = images.shape;
  std::vector<io::NpzArray> arrays{{.name = "arr_0",
                                    .type = "|u1",
                                    .shape = {images.count, height, width, channels},
                                    .bytes = std::as_bytes(std::span(pixels))}};
  if (!labels.empty())
    arrays.push_back(
        {.name = "arr_1", .type = "<i8", .shape = {images.count}, .bytes = std::as_bytes(labels)});
  write_file_durably(path, io::npz_content(std::move(arrays)), overwrite);
}

}  // namespace ddim
