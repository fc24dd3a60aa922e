#include "data/cifar10.h"

#include "tests/support/expect_error.h"

namespace ddim::engine::data {
namespace {

using test::expect_error;

constexpr std::size_t kRecordBytes = 3073;

std::vector<std::uint8_t> two_records() {
  std::vector<std::uint8_t> bytes(2 * kRecordBytes);
  bytes[0] = 9;
  bytes[kRecordBytes] = 3;
  // Pixel (row 1, column 2) of the second image: red 10, green 20, blue 30.
  for (std::size_t channel = 0; channel < 3; ++channel)
    bytes[kRecordBytes + 1 + channel * 1024 + 34] = static_cast<std::uint8_t>(10 * (channel + 1));
  return bytes;
}

TEST(Cifar10, InterleavesThePlanes) {
  const auto [images, labels] = parse_cifar10(two_records(), "f", 2);
  EXPECT_THAT(labels, ::testing::ElementsAre(9, 3));
  EXPECT_EQ(images.count, 2);
  EXPECT_EQ(images.image_bytes(), 3072U);
  EXPECT_THAT(images[1].subspan(3 * 34, 3), ::testing::ElementsAre(10, 20, 30));
  EXPECT_EQ(images[1][0], 0);
}

TEST(Cifar10, RejectsEveryOtherLength) {
  const std::vector<std::uint8_t> bytes = two_records();
  for (std::size_t size = 0; size < bytes.size(); ++size)
    expect_error(ErrorCode::corrupt, "batch.bin: 2 records",
                 [&] { parse_cifar10(std::span(bytes).first(size), "batch.bin", 2); });
  expect_error(ErrorCode::corrupt, "30730000 bytes, found 6146",
               [&] { parse_cifar10(bytes, "batch.bin"); });
}

TEST(Cifar10, RejectsLabelsAbove9) {
  std::vector<std::uint8_t> bytes = two_records();
  bytes[kRecordBytes] = 10;
  expect_error(ErrorCode::corrupt, "record 1 has label 10", [&] { parse_cifar10(bytes, "f", 2); });
}

}  // namespace
}  // namespace ddim::engine::data
