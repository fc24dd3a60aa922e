#include "eval/differences.h"

#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "run/run_images.h"

namespace ddim::engine::eval {

std::vector<double> mean_squared_differences(const FloatImages& a, const FloatImages& b) {
  require(a.count == b.count && a.shape == b.shape, "mean_squared_differences: ", a.count,
          " pictures of ", to_string(a.shape), " and ", b.count, " of ", to_string(b.shape));
  run::check_values(a, "mean_squared_differences");
  run::check_values(b, "mean_squared_differences");
  const std::size_t size = a.shape.size();
  std::vector<double> means(static_cast<std::size_t>(a.count));
  for (std::size_t i = 0; i < a.values.size(); ++i) {
    const double difference = (static_cast<double>(a.values[i]) - b.values[i]) / 2.0;
    means[i / size] += difference * difference / static_cast<double>(size);
  }
  return means;
}

double largest_difference(const FloatImages& a, const FloatImages& b) {
  double largest = 0.0;
  for (std::size_t i = 0; i < a.values.size(); ++i)
    largest = std::max(largest, std::abs(static_cast<double>(a.values[i]) - b.values[i]) / 2.0);
  return largest;
}

}  // namespace ddim::engine::eval
