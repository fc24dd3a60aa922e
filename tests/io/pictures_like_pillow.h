#pragma once

#include <gtest/gtest.h>

#include <cstring>
#include <filesystem>
#include <string>

#include "base/error.h"
#include "io/picture.h"
#include "tests/support/text_files.h"

namespace ddim::test {

/// Compares each picture in a folder that tools/make_picture_fixtures.py filled with what lies
/// beside it, laid over white, and returns how many there were. No sample may differ by more than
/// 1/255 (65535 / 255 = 257).
inline int expect_all_look_as_in_pillow(const std::filesystem::path& folder) {
  constexpr int kTolerance = 257;
  int count = 0;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    const std::filesystem::path& path = entry.path();
    if (path.extension() == ".expected") continue;
    ++count;
    const std::string expected = read_text(path.string() + ".expected");
    std::uint32_t size[2];
    std::memcpy(size, expected.data(), sizeof size);
    try {
      const engine::io::AnyImage image = engine::io::convert_channels(
          engine::io::read_picture(path).image, Channels::rgb, Colour{255, 255, 255});
      std::visit(
          [&](const auto& found) {
            ASSERT_EQ(found.width, size[0]) << path;
            ASSERT_EQ(found.height, size[1]) << path;
            ASSERT_EQ(expected.size(), sizeof size + 2 * found.pixels.size()) << path;
            const int scale = sizeof found.pixels[0] == 1 ? 257 : 1;
            int worst = 0;
            for (std::size_t i = 0; i < found.pixels.size(); ++i) {
              std::uint16_t sample = 0;
              std::memcpy(&sample, expected.data() + sizeof size + 2 * i, sizeof sample);
              worst = std::max(worst, std::abs(scale * found.pixels[i] - sample));
            }
            EXPECT_LE(worst, kTolerance) << path;
          },
          image);
    } catch (const Error& error) {
      ADD_FAILURE() << error.what();
    }
  }
  return count;
}

}  // namespace ddim::test
