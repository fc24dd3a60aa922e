#include "data/images.h"

#include <algorithm>
#include <cassert>
#include <type_traits>
#include <utility>
#include <variant>

#include "io/image.h"

namespace ddim::engine::data {
namespace {

float to_float(std::uint8_t byte) { return static_cast<float>(byte) / 127.5F - 1.0F; }

void make_values(Images& images) {
  images.values.reserve(images.pixels.size());
  for (const std::uint8_t byte : images.pixels) images.values.push_back(to_float(byte));
  images.pixels = {};
}

}  // namespace

void repeat_channel(Images& images, std::int64_t channels) {
  const auto repeat = [channels](auto& samples) {
    std::remove_cvref_t<decltype(samples)> all;
    all.reserve(static_cast<std::size_t>(channels) * samples.size());
    for (const auto sample : samples)
      all.insert(all.end(), static_cast<std::size_t>(channels), sample);
    samples = std::move(all);
  };
  repeat(images.pixels);
  repeat(images.values);
  images.channels = channels;
}

void lay_over(Images& images, const Colour& background) {
  assert(images.channels == 2 || images.channels == 4);
  const auto from_step = static_cast<std::size_t>(images.channels);
  const std::size_t to_step = from_step - 1;
  const io::Channels wanted = to_step == 1 ? io::Channels::grey : io::Channels::rgb;
  images.channels = images.channels - 1;
  if (images.has_bytes()) {  // all of them are one tall picture
    Image all{images.width, images.count * images.height, images.channels + 1,
              std::move(images.pixels)};
    io::AnyImage opaque = io::convert_channels(std::move(all), wanted, background);
    images.pixels = std::get<Image>(std::move(opaque)).pixels;
    return;
  }
  const io::AnyImage behind = io::convert_channels(
      Image{1, 1, 3, {background.red, background.green, background.blue}}, wanted, background);
  const std::vector<float> values = std::move(images.values);
  images.values.resize(values.size() / from_step * to_step);
  for (std::size_t i = 0; i < images.values.size(); ++i) {
    const float* pixel = &values[i / to_step * from_step];
    const float alpha = (pixel[to_step] + 1.0F) / 2.0F;
    const float under = to_float(std::get<Image>(behind).pixels[i % to_step]);
    images.values[i] = pixel[i % to_step] * alpha + under * (1.0F - alpha);
  }
}

void lay_over_for(std::int64_t channels, Images& images, const Colour& background) {
  const bool has_alpha = images.channels == 2 || images.channels == 4;
  if (has_alpha && (channels == images.channels - 1 || (channels == 3 && images.channels == 2)))
    lay_over(images, background);
}

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

void keep_first(Images& images, std::int64_t count) {
  images.count = std::min(images.count, count);
  const std::size_t samples = static_cast<std::size_t>(images.count) * images.image_bytes();
  if (images.has_bytes()) {
    images.pixels.resize(samples);
  } else {
    images.values.resize(samples);
  }
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

namespace {

/// `count` images, image index_of(k) as number k.
template <class IndexOf>
FloatImages floats_of(const Images& images, std::int64_t count, const IndexOf& index_of) {
  FloatImages result{
      .count = count,
      .shape = {.channels = images.channels, .height = images.height, .width = images.width},
      .values = std::vector<float>(static_cast<std::size_t>(count) * images.image_bytes())};
  for (std::int64_t k = 0; k < count; ++k) {
    to_floats(
        images, index_of(k), Flip::no,
        std::span(result.values)
            .subspan(static_cast<std::size_t>(k) * images.image_bytes(), images.image_bytes()));
  }
  return result;
}

}  // namespace

FloatImages to_floats(const Images& images, std::int64_t count) {
  return floats_of(images, count, [](std::int64_t k) { return k; });
}

FloatImages some_to_floats(const Images& images, std::int64_t count) {
  const std::int64_t most = std::min(count, images.count);
  return floats_of(images, most,
                   [&](std::int64_t k) { return spaced_index(k, most, images.count); });
}

}  // namespace ddim::engine::data
