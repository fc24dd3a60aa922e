#include "base/sha256.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <string_view>

namespace ddim::engine {
namespace {

std::string hash_of(std::string_view text) {
  return sha256_hex(std::as_bytes(std::span(text.data(), text.size())));
}

// FIPS 180-4's examples, from NIST's "SHA256.pdf" and "SHA2_Additional.pdf".
TEST(Sha256, PublishedVectors) {
  EXPECT_EQ(hash_of(""), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  EXPECT_EQ(hash_of("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  EXPECT_EQ(hash_of("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq"),
            "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
  EXPECT_EQ(hash_of("abcdefghbcdefghicdefghijdefghijkefghijklfghijklmghijklmn"
                    "hijklmnoijklmnopjklmnopqklmnopqrlmnopqrsmnopqrstnopqrstu"),
            "cf5b16a778af8380036ce59e7b0492370b249b11e8f07a51afac45037afee9d1");
  EXPECT_EQ(hash_of(std::string(1'000'000, 'a')),
            "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
  // Lengths at which the padding just fits into a block, and just does not.
  EXPECT_EQ(hash_of(std::string(55, '\0')),
            "02779466cdec163811d078815c633f21901413081449002f24aa3e80f0b88ef7");
  EXPECT_EQ(hash_of(std::string(56, '\0')),
            "d4817aa5497628e7c77e6b606107042bbba3130888c5f47a375e6179be789fbb");
  EXPECT_EQ(hash_of(std::string(64, '\0')),
            "f5a5fd42d16a20302798ef6ed309979b43003d2320d9f0e8ea9831a92759fb4b");
}

TEST(Sha256, PiecesOfEverySizeGiveTheSame) {
  std::string text;
  for (int i = 0; i < 300; ++i) text += static_cast<char>(i * 7);
  const auto bytes = std::as_bytes(std::span(text));
  const std::string expected = hash_of(text);
  for (std::size_t piece = 1; piece <= text.size(); ++piece) {
    Sha256 hash;
    for (std::size_t at = 0; at < bytes.size(); at += piece) {
      hash.update(bytes.subspan(at, std::min(piece, bytes.size() - at)));
    }
    EXPECT_EQ(hash.finish_hex(), expected) << "pieces of " << piece;
  }
}

TEST(Sha256, TheProcessorsInstructionsComputeTheSame) {
  const Sha256Blocks of_processor = sha256_blocks_of_processor();
  if (of_processor == nullptr) GTEST_SKIP() << "this processor has no such instructions";
  std::string text;
  for (int i = 0; i < 64 * 9; ++i) text += static_cast<char>(i * i * 31);
  const auto bytes = std::as_bytes(std::span(text));
  for (std::size_t num_blocks = 0; num_blocks <= 9; ++num_blocks) {
    Sha256State portable{1, 2, 3, 4, 5, 6, 7, 0xffffffff};
    Sha256State quick = portable;
    sha256_blocks_portable(portable, bytes.data(), num_blocks);
    of_processor(quick, bytes.data(), num_blocks);
    EXPECT_EQ(quick, portable) << num_blocks << " blocks";
  }
}

}  // namespace
}  // namespace ddim::engine
