#include "io/image.h"

#include <gtest/gtest.h>

#include "tests/support/expect_error.h"

namespace ddim::engine::io {
namespace {

TEST(ConvertChannels, EveryPair) {
  const Image grey{2, 1, 1, {10, 200}};
  const Image rgb{2, 1, 3, {255, 0, 0, 10, 20, 30}};
  const Image rgba{2, 1, 4, {255, 0, 0, 7, 10, 20, 30, 8}};
  EXPECT_EQ(convert_channels(grey, Channels::as_stored), grey);
  EXPECT_EQ(convert_channels(grey, Channels::grey), grey);
  EXPECT_EQ(convert_channels(grey, Channels::rgb), (Image{2, 1, 3, {10, 10, 10, 200, 200, 200}}));
  EXPECT_EQ(convert_channels(grey, Channels::rgba),
            (Image{2, 1, 4, {10, 10, 10, 255, 200, 200, 200, 255}}));
  // 0.299 * 255 = 76.2; 0.299 * 10 + 0.587 * 20 + 0.114 * 30 = 18.15
  EXPECT_EQ(convert_channels(rgb, Channels::grey), (Image{2, 1, 1, {76, 18}}));
  EXPECT_EQ(convert_channels(rgb, Channels::rgb), rgb);
  EXPECT_EQ(convert_channels(rgb, Channels::rgba),
            (Image{2, 1, 4, {255, 0, 0, 255, 10, 20, 30, 255}}));
  EXPECT_EQ(convert_channels(rgba, Channels::as_stored), rgb);
  EXPECT_EQ(convert_channels(rgba, Channels::grey), (Image{2, 1, 1, {76, 18}}));
  EXPECT_EQ(convert_channels(rgba, Channels::rgba), rgba);
  const Image white{1, 1, 3, {255, 255, 255}};
  EXPECT_EQ(convert_channels(white, Channels::grey), (Image{1, 1, 1, {255}}));
}

TEST(ConvertChannels, RefusesWhatIsNoImage) {
  for (const Image& bad : {Image{}, Image{1, 1, 5, {0, 0, 0, 0, 0}}, Image{2, 2, 1, {0}}}) {
    ddim::test::expect_error(ErrorCode::user, testing::HasSubstr("image"),
                             [&] { convert_channels(bad, Channels::rgb); });
  }
}

}  // namespace
}  // namespace ddim::engine::io
