#include <ddim/interpolate.h>

#include <limits>

#include "api/float_images.h"
#include "base/philox.h"
#include "diffusion/slerp.h"

namespace ddim {
namespace {

std::span<const float> end_of(const FloatImages& ends, std::int64_t index) {
  const auto size = ends.values.size() / static_cast<std::size_t>(ends.count);
  return std::span(ends.values).subspan(static_cast<std::size_t>(index) * size, size);
}

}  // namespace

FloatImages draw_noise(const Model& model, std::uint64_t seed, std::int64_t count,
                       std::int64_t first_image) {
  constexpr std::int64_t kMaxImages = std::numeric_limits<std::uint32_t>::max();
  require(count >= 1 && first_image >= 0 && first_image <= kMaxImages - count, "noise: images ",
          first_image, " .. +", count, " are not all numbers of 32 bits");
  const ModelInfo& info = model.info();
  const auto num_pixels = static_cast<std::size_t>(info.resolution * info.resolution);
  const auto channels = static_cast<std::size_t>(info.channels);
  FloatImages noise{.count = count,
                    .channels = info.channels,
                    .height = info.resolution,
                    .width = info.resolution};
  std::vector<float> image(num_pixels * channels);  // [H,W,C], as a sampler draws it
  for (std::int64_t k = 0; k < count; ++k) {
    fill_normal({.seed = seed, .purpose = Purpose::initial_state},
                static_cast<std::uint32_t>(first_image + k), image);
    for (std::size_t c = 0; c < channels; ++c)
      for (std::size_t p = 0; p < num_pixels; ++p) noise.values.push_back(image[p * channels + c]);
  }
  return noise;
}

FloatImages join(const FloatImages& a, const FloatImages& b) {
  require(shape_of(a).with(0, 1) == shape_of(b).with(0, 1), "interpolate: states of ",
          shape_of(a).with(0, 1), " and of ", shape_of(b).with(0, 1), " do not fit together");
  FloatImages all = a;
  all.count += b.count;
  all.values.insert(all.values.end(), b.values.begin(), b.values.end());
  return all;
}

FloatImages interpolate(const FloatImages& ends, std::int64_t frames) {
  require(ends.count == 2 || ends.count == 4, "interpolate: ", ends.count,
          " ends; two make a line and four a grid");
  require(frames >= 2, "interpolate: ", frames, " frames; expected at least 2, the ends");
  check_values(ends, "interpolate");
  FloatImages result = ends;
  result.values.clear();
  const bool is_grid = ends.count == 4;
  const auto w_of = [&](std::int64_t i) {
    return static_cast<double>(i) / static_cast<double>(frames - 1);
  };
  for (std::int64_t row = 0; row < (is_grid ? frames : 1); ++row) {
    for (std::int64_t column = 0; column < frames; ++column) {
      std::vector<float> state = diffusion::slerp(end_of(ends, 0), end_of(ends, 1), w_of(column));
      if (is_grid) {
        const std::vector<float> below =
            diffusion::slerp(end_of(ends, 2), end_of(ends, 3), w_of(column));
        state = diffusion::slerp(state, below, w_of(row));
      }
      result.values.insert(result.values.end(), state.begin(), state.end());
    }
  }
  result.count = is_grid ? frames * frames : frames;
  return result;
}

}  // namespace ddim
