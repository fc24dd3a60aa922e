#pragma once

#include <cstdint>
#include <vector>

namespace ddim::test {

/// `count` values from -1 to 1 in no order, any 101 in a row all different; the same at each call.
inline std::vector<float> noise(std::int64_t count) {
  std::vector<float> values;
  for (std::int64_t i = 0; i < count; ++i)
    values.push_back(static_cast<float>((i * 37) % 101) / 50.0F - 1.0F);
  return values;
}

}  // namespace ddim::test
