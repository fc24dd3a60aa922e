#pragma once

#include <cstdint>
#include <span>
#include <stop_token>
#include <vector>

namespace ddim::engine::diffusion {

/// Spherical interpolation (eq. 67) between two states, taken as vectors of all their elements:
///   sin((1 - w) theta) / sin(theta) x_0 + sin(w theta) / sin(theta) x_1,
///   theta = arccos(<x_0, x_1> / (|x_0| |x_1|)).
/// w = 0 gives x_0 itself and w = 1 gives x_1. Where theta is 0, the straight line. Error(user)
/// for sizes that differ, a state that is all zero, and opposite ones, between which there is no
/// shortest way.
std::vector<float> slerp(std::span<const float> x_0, std::span<const float> x_1, double w);

/// The most frames of a line, and lines of a grid.
inline constexpr std::int64_t kMostFrames = 10'000;

/// How many states interpolate() makes. Error(user) for numbers of ends and frames that it refuses.
std::int64_t num_states(std::int64_t num_ends, std::int64_t frames);

/// States between 2 ends, a line of `frames`, or between 4, a grid of frames x frames, row by row:
/// slerp from end 0 to end 1 and from end 2 to end 3 along a row, and from the one to the other
/// down a column. `ends` holds the states one after the other. Error(user) for another number of
/// ends, for fewer than 2 frames or more than kMostFrames, for more states than memory could hold,
/// and as slerp(); Error(interrupted) when a stop was requested.
std::vector<float> interpolate(std::span<const float> ends, std::int64_t num_ends,
                               std::int64_t frames, const std::stop_token& stop = {});

}  // namespace ddim::engine::diffusion
