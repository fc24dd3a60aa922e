#pragma once

#include <cstdint>
#include <stop_token>
#include <vector>

#include "ddim/export.h"
#include "ddim/image.h"

namespace ddim {

/// Of interpolate() where nobody says how many: two ends, and 9 between them.
inline constexpr std::int64_t kUsualFrames = 11;

class Model;

/// The noise x_T that sample() starts from: that of pictures first_image, first_image + 1, ... of
/// `seed`. Error(user) for numbers below 0 or beyond 32 bits.
DDIM_API FloatImages draw_noise(const Model& model, std::uint64_t seed, std::int64_t count = 1,
                                std::int64_t first_image = 0);

/// The states of `a`, then those of `b`. Error(user) when their shapes differ.
DDIM_API FloatImages join(const FloatImages& a, const FloatImages& b);

/// `count` of the states, from number `first` (from 0) on. Error(user) when there are not so many.
DDIM_API FloatImages slice(const FloatImages& images, std::int64_t first, std::int64_t count);

/// The most frames of a line, and lines of a grid.
inline constexpr std::int64_t kMostFrames = 10'000;

/// States between states, by spherical interpolation over all of their elements (eq. 67), to be
/// drawn with SampleOptions::x_T. Two ends make a line of `frames` (figure 6). Four make a grid of
/// frames x frames, row by row (figures 11 to 13): slerp from end 0 to end 1 and from end 2 to end
/// 3 along a row, and from the one to the other down a column. The ends themselves are in it to
/// the bit. Error(user) for another number of ends, for fewer than 2 frames or more than
/// kMostFrames, for more states than memory could hold, for an end that is all zero or holds NaN,
/// and for ends that are opposite; Error(interrupted) when a stop was requested.
DDIM_API FloatImages interpolate(const FloatImages& ends, std::int64_t frames,
                                 const std::stop_token& stop = {});

/// The numbers of the states that are the ends: first and last of a line, corners of a grid. A
/// picture is encoded under the class that the frame has which it becomes: with its number as
/// EncodeOptions::first_image. Error(user) for numbers that interpolate() refuses.
DDIM_API std::vector<std::int64_t> numbers_of_ends(std::int64_t num_ends, std::int64_t frames);

}  // namespace ddim
