#include "base/sha1.h"

#include <gtest/gtest.h>

#include <string>

namespace ddim::engine {
namespace {

std::string sha1_of(const std::string& text) {
  Sha1 hash;
  hash.update(std::as_bytes(std::span(text)));
  return hash.finish_hex();
}

// The examples of FIPS 180-4 and RFC 3174.
TEST(Sha1, KnownDigests) {
  EXPECT_EQ(sha1_of(""), "da39a3ee5e6b4b0d3255bfef95601890afd80709");
  EXPECT_EQ(sha1_of("abc"), "a9993e364706816aba3e25717850c26c9cd0d89d");
  EXPECT_EQ(sha1_of("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq"),
            "84983e441c3bd26ebaae4aa1f95129e5e54670f1");
  EXPECT_EQ(sha1_of(std::string(1'000'000, 'a')), "34aa973cd4c4daa4f61eeb2bdbad27316534016f");
}

TEST(Sha1, PiecesMakeNoDifference) {
  std::string text;
  for (int i = 0; i < 200; ++i) text += static_cast<char>(i);
  for (std::size_t first = 0; first <= text.size(); ++first) {
    Sha1 hash;
    hash.update(std::as_bytes(std::span(text).first(first)));
    hash.update(std::as_bytes(std::span(text).subspan(first)));
    ASSERT_EQ(hash.finish_hex(), sha1_of(text)) << first;
  }
}

// What `git hash-object` says of a file that holds "hello\n".
TEST(Sha1, NamesFilesAsGitDoes) {
  EXPECT_EQ(sha1_of(std::string("blob 6\0hello\n", 13)),
            "ce013625030ba8dba906f756967f9e9ca394464a");
}

}  // namespace
}  // namespace ddim::engine
