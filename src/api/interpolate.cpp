#include <ddim/interpolate.h>

#include <span>

#include "api/model_implementation.h"
#include "base/error.h"
#include "base/philox.h"
#include "diffusion/slerp.h"
#include "run/run_images.h"

namespace ddim {

using namespace engine;

static_assert(kMostFrames == diffusion::kMostFrames);

FloatImages draw_noise(const Model& model, std::uint64_t seed, std::int64_t count,
                       std::int64_t first_image) {
  run::check_numbers("noise", first_image, count);
  FloatImages noise{.count = count, .shape = model.info().shape, .values = {}};
  const std::size_t size = noise.shape.size();
  noise.values.resize(run::num_values_of("noise", count, noise.shape));
  for (std::int64_t k = 0; k < count; ++k) {
    fill_normal({.seed = seed, .purpose = Purpose::initial_state},
                static_cast<std::uint32_t>(first_image + k),
                std::span(noise.values).subspan(static_cast<std::size_t>(k) * size, size));
  }
  return noise;
}

FloatImages join(const FloatImages& a, const FloatImages& b) {
  require(a.shape == b.shape, "interpolate: all endpoints must have the same shape; got ",
          to_string(a.shape), " and ", to_string(b.shape));
  run::check_size(a, "join");
  run::check_size(b, "join");
  FloatImages all = a;
  all.count += b.count;
  all.values.insert(all.values.end(), b.values.begin(), b.values.end());
  return all;
}

FloatImages slice(const FloatImages& images, std::int64_t first, std::int64_t count) {
  require(first >= 0 && count >= 0 && first <= images.count && count <= images.count - first,
          "slice: ", count, " states from number ", first, " on were asked for, of ", images.count);
  run::check_size(images, "slice");
  const std::span<const float> values =
      std::span(images.values)
          .subspan(static_cast<std::size_t>(first) * images.shape.size(),
                   static_cast<std::size_t>(count) * images.shape.size());
  return {.count = count, .shape = images.shape, .values = {values.begin(), values.end()}};
}

FloatImages interpolate(const FloatImages& ends, std::int64_t frames, const std::stop_token& stop) {
  run::check_values(ends, "interpolate");
  const std::int64_t count = diffusion::num_states(ends.count, frames);
  return {.count = count,
          .shape = ends.shape,
          .values = diffusion::interpolate(ends.values, ends.count, frames, stop)};
}

std::vector<std::int64_t> numbers_of_ends(std::int64_t num_ends, std::int64_t frames) {
  const std::int64_t last = diffusion::num_states(num_ends, frames) - 1;
  if (num_ends == 2) return {0, last};
  return {0, frames - 1, last - (frames - 1), last};
}

}  // namespace ddim
