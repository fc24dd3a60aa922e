#include "diffusion/slerp.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <utility>

#include "base/error.h"

namespace ddim::engine::diffusion {
namespace {

double dot(std::span<const float> a, std::span<const float> b) {
  return std::inner_product(
      a.begin(), a.end(), b.begin(), 0.0, std::plus<>(),
      [](float left, float right) { return static_cast<double>(left) * right; });
}

/// The factors of x_0 and x_1.
std::pair<double, double> weights(double cosine, double w) {
  constexpr double kSmallSine = 1e-6;
  const double theta = std::acos(std::clamp(cosine, -1.0, 1.0));
  if (std::sin(theta) < kSmallSine) {
    require(cosine > 0.0,
            "interpolate: the two states are opposite, so there is no shortest way between them");
    return {1.0 - w, w};
  }
  return {std::sin((1.0 - w) * theta) / std::sin(theta), std::sin(w * theta) / std::sin(theta)};
}

}  // namespace

std::vector<float> slerp(std::span<const float> x_0, std::span<const float> x_1, double w) {
  require(x_0.size() == x_1.size(), "interpolate: states of ", x_0.size(), " and ", x_1.size(),
          " numbers");
  const double norms = std::sqrt(dot(x_0, x_0)) * std::sqrt(dot(x_1, x_1));
  require(norms > 0.0, "interpolate: a state is all zero and points nowhere");
  const auto [from_0, from_1] = weights(dot(x_0, x_1) / norms, w);
  if (w == 0.0) return {x_0.begin(), x_0.end()};  // with the sign of a zero
  if (w == 1.0) return {x_1.begin(), x_1.end()};
  std::vector<float> result(x_0.size());
  for (std::size_t i = 0; i < result.size(); ++i)
    result[i] = static_cast<float>(from_0 * x_0[i] + from_1 * x_1[i]);
  return result;
}

std::int64_t num_states(std::int64_t num_ends, std::int64_t frames) {
  require(num_ends == 2 || num_ends == 4,
          "interpolate needs two endpoints (a line) or four (a grid); got ", num_ends);
  require(frames >= 2, "interpolate needs at least 2 frames (the endpoints); got ", frames);
  require(frames <= kMostFrames, "interpolate makes at most ", kMostFrames, " frames; got ",
          frames);
  return num_ends == 4 ? frames * frames : frames;
}

std::vector<float> interpolate(std::span<const float> ends, std::int64_t num_ends,
                               std::int64_t frames, const std::stop_token& stop) {
  const auto count = static_cast<std::size_t>(num_states(num_ends, frames));
  const std::size_t size = ends.size() / static_cast<std::size_t>(num_ends);
  std::vector<float> states;
  require(size <= states.max_size() / count, "interpolate: ", count, " states of ", size,
          " numbers are too many; take fewer frames");
  states.reserve(count * size);
  const auto end = [&](std::size_t index) { return ends.subspan(index * size, size); };
  const auto state_between = [&](std::span<const float> x_0, std::span<const float> x_1,
                                 std::int64_t i) {
    if (stop.stop_requested()) fail(ErrorCode::interrupted, "interpolate: stopped");
    return slerp(x_0, x_1, static_cast<double>(i) / static_cast<double>(frames - 1));
  };
  for (std::int64_t row = 0; row < (num_ends == 4 ? frames : 1); ++row) {
    for (std::int64_t column = 0; column < frames; ++column) {
      std::vector<float> state = state_between(end(0), end(1), column);
      if (num_ends == 4) state = state_between(state, state_between(end(2), end(3), column), row);
      states.insert(states.end(), state.begin(), state.end());
    }
  }
  return states;
}

}  // namespace ddim::engine::diffusion
