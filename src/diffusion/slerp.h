#pragma once

#include <span>
#include <vector>

namespace ddim::diffusion {

/// Spherical interpolation (eq. 67) between two states, taken as vectors of all their elements:
///   sin((1 - w) theta) / sin(theta) x_0 + sin(w theta) / sin(theta) x_1,
///   theta = arccos(<x_0, x_1> / (|x_0| |x_1|)).
/// w = 0 gives x_0 and w = 1 gives x_1 to the bit. Where theta is 0, the straight line. Error(user)
/// for sizes that differ, a state that is all zero, and opposite ones, between which there is no
/// shortest way.
std::vector<float> slerp(std::span<const float> x_0, std::span<const float> x_1, double w);

}  // namespace ddim::diffusion
