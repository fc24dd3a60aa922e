#pragma once

#include <ddim/ddim.h>
#include <gtest/gtest.h>

#include "tests/base_files/temporary_folder.h"

namespace ddim::api_test {

/// A model of 3x8x8 pixels whose network is nothing but quick.
class MicroModel : public testing::Test {
 protected:
  MicroModel() : model_(load()) {}

  /// [count,3,8,8], all different, within -1 and 1.
  static FloatImages pictures(std::int64_t count) {
    FloatImages images{.count = count, .channels = 3, .height = 8, .width = 8};
    for (std::int64_t i = 0; i < count * 3 * 64; ++i)
      images.values.push_back(static_cast<float>((i * 37) % 101) / 50.0F - 1.0F);
    return images;
  }

  Model load() const {
    convert_model("tests/golden/micro", folder_ / "micro");
    return Model::load(folder_ / "micro");
  }

  test::TemporaryFolder folder_;
  Model model_;
};

}  // namespace ddim::api_test
