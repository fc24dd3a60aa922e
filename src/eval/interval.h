#pragma once

#include <cstdint>
#include <span>

namespace ddim::engine::eval {

/// What Student's t of so many degrees of freedom, at least 1, is below with 97.5 %: 12.7 for 1,
/// 1.96 for many.
double student_t_975(std::int64_t degrees_of_freedom);

/// The mean of some numbers and half the width of its 95 % interval: as many standard errors as
/// Student's t says, 1.96 for many numbers and more for few; NaN for a single one.
struct Interval {
  double mean = 0.0;
  double half_width_95 = 0.0;
};
Interval mean_interval(std::span<const double> values);

}  // namespace ddim::engine::eval
