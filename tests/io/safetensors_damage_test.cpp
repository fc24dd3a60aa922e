// Damage at random and at every place: a file is refused with a message, or it is well formed.
#include <ddim/error.h>
#include <gtest/gtest.h>

#include <random>

#include "tests/io/safetensors_bytes.h"
#include "tests/support/temporary_folder.h"
#include "tests/support/text_files.h"

namespace ddim::engine::io {
namespace {

using test::bytes_of;

std::string fixture() {
  const std::vector<float> weight = {1, 2, 3, 4, 5, 6};
  const std::vector<float> bias = {-1, -2};
  return test::text_of(safetensors_content(
      {{.name = "conv.weight", .shape = {2, 3}, .values = weight},
       {.name = "conv.bias", .type = StoredType::f16, .shape = {2}, .values = bias},
       {.name = "none", .type = StoredType::u8, .shape = {0}}},
      {{"format", "pt"}, {"note", "a \"quoted\" one"}}));
}

/// Whether the file was accepted. Accepted entries must tile the data; every byte is touched, so
/// that a sanitizer sees a span that reaches too far.
bool is_well_formed(const std::string& file) {
  try {
    const SafetensorsContents contents = parse_safetensors(bytes_of(file), "damaged.safetensors");
    std::size_t covered = 0;
    unsigned sum = 0;
    for (const TensorEntry& entry : contents.entries) {
      std::int64_t elements = 1;
      for (const std::int64_t dim : entry.shape) elements *= dim;
      EXPECT_EQ(elements, entry.num_elements());
      EXPECT_EQ(static_cast<std::size_t>(elements) * size_of(entry.type), entry.bytes.size());
      for (const std::byte byte : entry.bytes) sum += std::to_integer<unsigned>(byte);
      covered += entry.bytes.size();
    }
    std::uint64_t header_bytes = 0;
    std::memcpy(&header_bytes, file.data(), sizeof header_bytes);
    EXPECT_EQ(covered, file.size() - 8 - header_bytes) << sum;
    return true;
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::corrupt);
    EXPECT_EQ(std::string(error.what()).find('\n'), std::string::npos) << error.what();
    EXPECT_NE(std::string(error.what()).find("damaged.safetensors"), std::string::npos);
    return false;
  }
}

TEST(SafetensorsDamage, EveryTruncationIsRefused) {
  const std::string file = fixture();
  ASSERT_TRUE(is_well_formed(file));
  for (std::size_t size = 0; size < file.size(); ++size) {
    EXPECT_FALSE(is_well_formed(file.substr(0, size))) << size;
  }
  EXPECT_FALSE(is_well_formed(file + "x"));
}

TEST(SafetensorsDamage, TruncationOfAFileOnDisk) {
  const ddim::test::TemporaryFolder folder;
  const std::string file = fixture();
  for (std::size_t size = 0; size < file.size(); size += 7) {
    ddim::test::write_text(folder / "damaged.safetensors", file.substr(0, size));
    EXPECT_THROW(SafetensorsFile::open(folder / "damaged.safetensors"), Error) << size;
  }
}

TEST(SafetensorsDamage, EveryFlippedBitIsRefusedOrHarmless) {
  const std::string file = fixture();
  int accepted = 0;
  for (std::size_t bit = 0; bit < 8 * file.size(); ++bit) {
    std::string damaged = file;
    damaged[bit / 8] = static_cast<char>(damaged[bit / 8] ^ 1 << bit % 8);
    accepted += is_well_formed(damaged) ? 1 : 0;
  }
  // Bits of data, names and metadata cannot be told; those of structure must be.
  EXPECT_GT(accepted, 8 * 28);
  EXPECT_LT(accepted, static_cast<int>(8 * file.size()) * 2 / 3);
}

TEST(SafetensorsDamage, RandomMutationsAreRefusedOrHarmless) {
  std::mt19937 random(7);
  const std::string file = fixture();
  const std::string spice = "{}[]\",:0123456789-eF\\u\0\xff";
  const auto below = [&random](std::size_t limit) {
    return std::uniform_int_distribution<std::size_t>(0, limit - 1)(random);
  };
  for (int i = 0; i < 20'000; ++i) {
    std::string damaged = file;
    for (std::size_t count = 1 + below(4); count > 0 && !damaged.empty(); --count) {
      const std::size_t at = below(damaged.size());
      switch (below(4)) {
        case 0:
          damaged[at] = spice[below(spice.size())];
          break;
        case 1:
          damaged.erase(at, 1 + below(8));
          break;
        case 2:
          damaged.insert(at, damaged.substr(below(damaged.size()), below(16)));
          break;
        default:
          damaged[at] = static_cast<char>(below(256));
      }
    }
    is_well_formed(damaged);
    if (HasFailure()) break;
  }
}

}  // namespace
}  // namespace ddim::engine::io
