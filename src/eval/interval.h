#pragma once

#include <span>

namespace ddim::engine::eval {

/// The mean of some numbers and half the width of its 95 % interval: 1.96 standard errors.
struct Interval {
  double mean = 0.0;
  double half_width_95 = 0.0;
};
Interval mean_interval(std::span<const double> values);

}  // namespace ddim::engine::eval
