#include "io/picture_tensor.h"

#include <cstddef>
#include <span>
#include <utility>

#include "base/error.h"

namespace ddim::engine::io {
namespace {

/// out[n,b,a] = in[n,a,b]
std::vector<float> swap_last_axes(std::span<const float> in, std::size_t a, std::size_t b) {
  std::vector<float> out(in.size());
  for (std::size_t i = 0; i < in.size(); ++i) {
    const std::size_t n = i / (a * b), row = i / b % a, column = i % b;
    out[n * a * b + column * a + row] = in[i];
  }
  return out;
}

}  // namespace

std::vector<float> to_planes(const FloatImages& images) {
  const auto pixels = static_cast<std::size_t>(images.shape.num_pixels());
  const auto channels = static_cast<std::size_t>(images.shape.channels);
  if (channels == 1) return images.values;
  return swap_last_axes(images.values, pixels, channels);
}

FloatImages from_planes(std::vector<float> planes, std::int64_t count, const PictureShape& shape) {
  const auto pixels = static_cast<std::size_t>(shape.num_pixels());
  const auto channels = static_cast<std::size_t>(shape.channels);
  if (channels != 1) planes = swap_last_axes(planes, channels, pixels);
  return {.count = count, .shape = shape, .values = std::move(planes)};
}

FloatImages read_pictures(const std::filesystem::path& path, const std::string& name) {
  const auto file = SafetensorsFile::open(path);
  const std::vector<std::int64_t>& shape = file.at(name).shape;
  if (shape.size() != 4) {
    fail(ErrorCode::corrupt, path.string(), ": tensor ", name,
         " must have 4 axes [N,C,H,W], but has ", shape.size());
  }
  return from_planes(file.read(name), shape[0],
                     {.channels = shape[1], .height = shape[2], .width = shape[3]});
}

void write_pictures(const std::filesystem::path& path, const std::string& name,
                    const FloatImages& images, Overwrite overwrite, Metadata metadata) {
  const auto& [channels, height, width] = images.shape;
  const std::vector<float> planes = to_planes(images);  // [N,C,H,W]
  write_safetensors(
      path, {{.name = name, .shape = {images.count, channels, height, width}, .values = planes}},
      overwrite, std::move(metadata));
}

}  // namespace ddim::engine::io
