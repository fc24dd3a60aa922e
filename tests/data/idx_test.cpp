#include "data/idx.h"

#include <zlib.h>

#include "tests/support/expect_error.h"

namespace ddim::engine::data {
namespace {

using test::expect_error;

/// Two images of 3x2 pixels: bytes 0..11.
std::vector<std::uint8_t> small_idx() {
  std::vector<std::uint8_t> bytes{0, 0, 8, 3, 0, 0, 0, 2, 0, 0, 0, 2, 0, 0, 0, 3};
  for (std::uint8_t i = 0; i < 12; ++i) bytes.push_back(i);
  return bytes;
}

std::vector<std::uint8_t> gzip(std::span<const std::uint8_t> bytes) {
  z_stream stream{};
  EXPECT_EQ(deflateInit2(&stream, 6, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY), Z_OK);
  std::vector<std::uint8_t> packed(bytes.size() + 100);
  stream.next_in = const_cast<Bytef*>(bytes.data());
  stream.avail_in = static_cast<uInt>(bytes.size());
  stream.next_out = packed.data();
  stream.avail_out = static_cast<uInt>(packed.size());
  EXPECT_EQ(deflate(&stream, Z_FINISH), Z_STREAM_END);
  packed.resize(packed.size() - stream.avail_out);
  deflateEnd(&stream);
  return packed;
}

TEST(Idx, ReadsSizesAndPixels) {
  const Images images = parse_idx(small_idx(), "f");
  EXPECT_EQ(images.count, 2);
  EXPECT_EQ(images.height, 2);
  EXPECT_EQ(images.width, 3);
  EXPECT_EQ(images.channels, 1);
  EXPECT_THAT(images[1], ::testing::ElementsAre(6, 7, 8, 9, 10, 11));
}

TEST(Idx, RejectsEveryTruncation) {
  const std::vector<std::uint8_t> bytes = small_idx();
  for (std::size_t size = 0; size < bytes.size(); ++size)
    expect_error(ErrorCode::corrupt,
                 "images.idx: ", [&] { parse_idx(std::span(bytes).first(size), "images.idx"); });
}

TEST(Idx, RejectsWrongHeaders) {
  struct Case {
    std::size_t offset;
    std::uint8_t value;
    const char* message;
  };
  const std::vector<Case> cases{{0, 1, "0 0 8 3"},
                                {1, 1, "0 0 8 3"},
                                {2, 9, "0 0 8 3"},
                                {3, 1, "found 0 0 8 1"},
                                {7, 0, "asks for 0"},
                                {7, 1, "1 image of 3x2 is 6 bytes, found 12"},
                                {4, 255, "found 12"},
                                {11, 0, "images of 3x0"},
                                {8, 255, "at most"},
                                {12, 1, "at most"},
                                {15, 4, "are 16 bytes, found 12"}};
  for (const Case& c : cases) {
    std::vector<std::uint8_t> bytes = small_idx();
    bytes[c.offset] = c.value;
    expect_error(ErrorCode::corrupt, c.message, [&] { parse_idx(bytes, "f"); });
  }
  std::vector<std::uint8_t> longer = small_idx();
  longer.push_back(0);
  expect_error(ErrorCode::corrupt, "found 13", [&] { parse_idx(longer, "f"); });
}

TEST(Gunzip, UnpacksWhatWasPacked) { EXPECT_EQ(gunzip(gzip(small_idx()), 1000, "f"), small_idx()); }

TEST(Gunzip, RejectsEveryTruncation) {
  const std::vector<std::uint8_t> packed = gzip(small_idx());
  for (std::size_t size = 0; size < packed.size(); ++size)
    expect_error(ErrorCode::corrupt,
                 "f.gz: ", [&] { gunzip(std::span(packed).first(size), 1000, "f.gz"); });
}

TEST(Gunzip, RejectsDamage) {
  const std::vector<std::uint8_t> packed = gzip(small_idx());
  constexpr std::size_t kHeader = 10;  // flipped bits of time and system in it do no harm
  for (std::size_t i = kHeader; i < packed.size(); ++i) {
    std::vector<std::uint8_t> damaged = packed;
    damaged[i] ^= 0x10;
    expect_error(ErrorCode::corrupt, "f.gz: ", [&] { gunzip(damaged, 1000, "f.gz"); });
  }
  std::vector<std::uint8_t> longer = packed;
  longer.push_back(1);
  expect_error(ErrorCode::corrupt, "1 bytes follow", [&] { gunzip(longer, 1000, "f.gz"); });
}

TEST(Gunzip, UnpacksSeveralMembersAndPassesOverPadding) {
  const std::vector<std::uint8_t> whole = small_idx();
  const std::span<const std::uint8_t> parts(whole);
  std::vector<std::uint8_t> packed = gzip(parts.first(5));
  const std::vector<std::uint8_t> second = gzip(parts.subspan(5));
  packed.insert(packed.end(), second.begin(), second.end());
  EXPECT_EQ(gunzip(packed, whole.size(), "f.gz"), whole);
  expect_error(ErrorCode::corrupt, "unpacks to more than",
               [&] { gunzip(packed, whole.size() - 1, "f.gz"); });
  for (std::size_t cut = 1; cut < second.size(); ++cut)
    EXPECT_THROW(gunzip(std::span(packed).first(packed.size() - cut), 1000, "f.gz"), Error) << cut;
  packed.resize(packed.size() + 512);
  EXPECT_EQ(gunzip(packed, whole.size(), "f.gz"), whole);
  packed.back() = 7;
  expect_error(ErrorCode::corrupt, "512 bytes follow", [&] { gunzip(packed, 1000, "f.gz"); });
}

TEST(Gunzip, StopsAtTheLimit) {
  const std::vector<std::uint8_t> zeros(100000);
  EXPECT_EQ(gunzip(gzip(zeros), 100000, "f").size(), 100000U);
  expect_error(ErrorCode::corrupt, "more than 99999 bytes",
               [&] { gunzip(gzip(zeros), 99999, "f"); });
}

}  // namespace
}  // namespace ddim::engine::data
