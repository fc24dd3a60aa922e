#pragma once

#include <ddim/ddim.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "tests/support/noise.h"
#include "tests/support/temporary_folder.h"

namespace ddim::api_test {

inline double largest_difference(const FloatImages& a, const FloatImages& b) {
  double largest = 0.0;
  for (std::size_t i = 0; i < a.values.size(); ++i)
    largest = std::max(largest, std::abs(static_cast<double>(a.values[i]) - b.values[i]));
  return largest;
}

/// A model of 3x8x8 pixels whose network is nothing but quick.
class MicroModel : public testing::Test {
 protected:
  MicroModel() : model_(load()) {}

  /// [count,3,8,8], all different, within -1 and 1.
  static FloatImages pictures(std::int64_t count) {
    return {.count = count,
            .shape = {.channels = 3, .height = 8, .width = 8},
            .values = test::noise(count * 3 * 64)};
  }

  Model load() const {
    convert_model("tests/golden/micro", folder_ / "micro");
    return Model::load(folder_ / "micro");
  }

  test::TemporaryFolder folder_;
  Model model_;
};

}  // namespace ddim::api_test
