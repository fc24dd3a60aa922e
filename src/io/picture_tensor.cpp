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
  return read_pictures(SafetensorsFile::open(path), name, path.string());
}

FloatImages read_pictures(const SafetensorsFile& file, const std::string& name,
                          const std::string& file_name) {
  const std::vector<std::int64_t>& shape = file.at(name).shape;
  if (shape.size() != 4) {
    fail(ErrorCode::corrupt, file_name, ": tensor ", name, " must have 4 axes [N,C,H,W], but has ",
         shape.size());
  }
  return from_planes(file.read(name), shape[0],
                     {.channels = shape[1], .height = shape[2], .width = shape[3]});
}

namespace {

/// `planes` are those of the pictures, and must outlive it.
TensorSource source_of(const std::string& name, const FloatImages& images,
                       std::span<const float> planes) {
  const auto& [channels, height, width] = images.shape;
  return {.name = name, .shape = {images.count, channels, height, width}, .values = planes};
}

}  // namespace

void write_pictures(const std::filesystem::path& path, const std::string& name,
                    const FloatImages& images, Overwrite overwrite, Metadata metadata) {
  const std::vector<float> planes = to_planes(images);  // [N,C,H,W]
  write_safetensors(path, {source_of(name, images, planes)}, overwrite, std::move(metadata));
}

std::vector<std::byte> picture_bytes(const std::string& name, const FloatImages& images,
                                     Metadata metadata) {
  const std::vector<float> planes = to_planes(images);  // [N,C,H,W]
  return safetensors_content({source_of(name, images, planes)}, std::move(metadata)).bytes();
}

}  // namespace ddim::engine::io
