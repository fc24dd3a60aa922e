#pragma once

#include <cmath>
#include <cstdint>
#include <vector>

namespace ddim::engine::eval {

/// The features [count,dimensions] of tools/make_quality_values.py.
inline std::vector<float> some_features(std::int64_t count, std::int64_t dimensions, double shift) {
  std::vector<float> values;
  for (std::int64_t row = 0; row < count; ++row) {
    for (std::int64_t column = 0; column < dimensions; ++column) {
      const auto i = static_cast<double>(row), j = static_cast<double>(column);
      values.push_back(static_cast<float>(std::sin(1.7 * i + 0.9 * j * j + shift) +
                                          0.3 * std::cos(0.37 * i * (j + 1.0)) + 0.1 * shift * j));
    }
  }
  return values;
}

}  // namespace ddim::engine::eval
