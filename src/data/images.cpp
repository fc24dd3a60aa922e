#include "data/images.h"

#include <cassert>
#include <utility>

namespace ddim::engine::data {
namespace {

float to_float(std::uint8_t byte) { return static_cast<float>(byte) / 127.5F - 1.0F; }

void make_values(Images& images) {
  images.values.reserve(images.pixels.size());
  for (const std::uint8_t byte : images.pixels) images.values.push_back(to_float(byte));
  images.pixels = {};
}

}  // namespace

void append(Images& images, Images more) {
  if (images.count == 0) {
    images = std::move(more);
    return;
  }
  assert(images.image_bytes() == more.image_bytes());
  if (images.has_bytes() != more.has_bytes()) make_values(images.has_bytes() ? images : more);
  images.count += more.count;
  images.pixels.insert(images.pixels.end(), more.pixels.begin(), more.pixels.end());
  images.values.insert(images.values.end(), more.values.begin(), more.values.end());
}

void to_floats(const Images& images, std::int64_t index, Flip flip, std::span<float> out) {
  assert(index >= 0 && index < images.count && out.size() == images.image_bytes());
  const std::size_t first = static_cast<std::size_t>(index) * images.image_bytes();
  const auto width = static_cast<std::size_t>(images.width);
  const auto channels = static_cast<std::size_t>(images.channels);
  for (std::size_t i = 0; i < out.size(); ++i) {
    const std::size_t channel = i % channels;
    const std::size_t column = i / channels % width;
    const std::size_t row = i / channels / width;
    const std::size_t from = flip == Flip::horizontal ? width - 1 - column : column;
    const std::size_t at = first + (row * width + from) * channels + channel;
    out[i] = images.has_bytes() ? to_float(images.pixels[at]) : images.values[at];
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
