#include "eval/interval.h"

#include <algorithm>
#include <cmath>

namespace ddim::engine::eval {

Interval mean_interval(std::span<const double> values) {
  const auto n = static_cast<double>(values.size());
  double mean = 0.0, variance = 0.0;
  for (const double value : values) mean += value / n;
  for (const double value : values)
    variance += (value - mean) * (value - mean) / std::max(n - 1.0, 1.0);
  return {.mean = mean, .half_width_95 = 1.96 * std::sqrt(variance / n)};
}

}  // namespace ddim::engine::eval
