#include "data/images.h"

#include <cassert>

namespace ddim::engine::data {

void to_floats(const Images& images, std::int64_t index, Flip flip, std::span<float> out) {
  assert(index >= 0 && index < images.count && out.size() == images.image_bytes());
  const std::span<const std::uint8_t> image = images[index];
  const auto width = static_cast<std::size_t>(images.width);
  const auto channels = static_cast<std::size_t>(images.channels);
  for (std::size_t i = 0; i < out.size(); ++i) {
    const std::size_t channel = i % channels;
    const std::size_t column = i / channels % width;
    const std::size_t row = i / channels / width;
    const std::size_t from = flip == Flip::horizontal ? width - 1 - column : column;
    out[i] = static_cast<float>(image[(row * width + from) * channels + channel]) / 127.5F - 1.0F;
  }
}

FloatImages to_floats(const Images& images, std::int64_t count) {
  FloatImages result{
      .count = count,
      .shape = {.channels = images.channels, .height = images.height, .width = images.width},
      .values = std::vector<float>(static_cast<std::size_t>(count) * images.image_bytes())};
  for (std::int64_t k = 0; k < count; ++k) {
    to_floats(
        images, k, Flip::no,
        std::span(result.values)
            .subspan(static_cast<std::size_t>(k) * images.image_bytes(), images.image_bytes()));
  }
  return result;
}

}  // namespace ddim::engine::data
