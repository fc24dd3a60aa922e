#pragma once

#include <ddim/colour.h>
#include <ddim/image.h>

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace ddim::engine::data {

/// A set of images of one size in memory, [count,height,width,channels]: bytes or, where a byte
/// does not hold what the files have (16 bits, floats), what a network sees.
struct Images {
  std::int64_t count = 0;
  std::int64_t height = 0;
  std::int64_t width = 0;
  std::int64_t channels = 0;
  std::vector<std::uint8_t> pixels = {};
  std::vector<float> values = {};  ///< instead of `pixels`: -1 black, 1 white

  bool has_bytes() const { return values.empty(); }
  /// Samples of an image: bytes, where it has bytes.
  std::size_t image_bytes() const { return static_cast<std::size_t>(height * width * channels); }
  /// The bytes of an image; of images that have bytes.
  std::span<const std::uint8_t> operator[](std::int64_t index) const {
    return std::span(pixels).subspan(static_cast<std::size_t>(index) * image_bytes(),
                                     image_bytes());
  }
};

/// Adds images of the same size. If only one side has bytes, all become values.
void append(Images& images, Images more);

/// Leaves the first `count` images, at most all.
void keep_first(Images& images, std::int64_t count);

/// Makes grey images have `channels` equal channels.
void repeat_channel(Images& images, std::int64_t channels);

/// Takes the last channel of images with alpha (2 or 4 channels) away: colour * alpha +
/// background * (1 - alpha), for bytes with the rounding of picture files.
void lay_over(Images& images, const Colour& background);
/// The same where pictures of `channels` have no alpha; others stay as they are.
void lay_over_for(std::int64_t channels, Images& images, const Colour& background);

enum class Flip { no, horizontal };

/// One image as input of a network: out[h,w,c] = byte / 127.5 - 1, in [-1, 1], mirrored on request.
/// `out` holds height * width * channels values.
void to_floats(const Images& images, std::int64_t index, Flip flip, std::span<float> out);
/// The first `count` images.
FloatImages to_floats(const Images& images, std::int64_t count);
/// `count` images, at most all, evenly spaced: a set that is sorted by class loses none. Number k
/// is number spaced_index(k, count, images.count) of them.
FloatImages some_to_floats(const Images& images, std::int64_t count);
inline std::int64_t spaced_index(std::int64_t k, std::int64_t count, std::int64_t of_all) {
  return k * of_all / count;
}

}  // namespace ddim::engine::data
