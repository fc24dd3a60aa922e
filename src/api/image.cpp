#include <ddim/file_bytes.h>
#include <ddim/image.h>

#include "base/error.h"
#include "base/file_output.h"
#include "io/image.h"
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
