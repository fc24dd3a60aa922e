#pragma once

#include <ddim/image.h>

#include <vector>

namespace ddim::engine::eval {

/// Mean of the squared difference per element of each picture, with black 0 and white 1 (the
/// paper's table 2). Error(user) for different shapes, NaN and infinity.
std::vector<double> mean_squared_differences(const FloatImages& a, const FloatImages& b);

/// The largest difference of an element, with black 0 and white 1, of pictures of one shape.
double largest_difference(const FloatImages& a, const FloatImages& b);

}  // namespace ddim::engine::eval
