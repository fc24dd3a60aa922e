#include "hub/repository.h"

#include <gtest/gtest.h>

namespace ddim::engine::hub {
namespace {

TEST(Repository, IsAnOwnerAndANameWithARevision) {
  const auto plain = parse_repository("google/ddpm-cifar10-32");
  ASSERT_TRUE(plain);
  EXPECT_EQ(plain->id, "google/ddpm-cifar10-32");
  EXPECT_EQ(plain->revision, "main");
  EXPECT_EQ(to_string(*plain), "google/ddpm-cifar10-32@main");
  EXPECT_EQ(parse_repository("a/b@refs/pr/7")->revision, "refs/pr/7");
  EXPECT_EQ(parse_repository("A_1.x/b-2@v1.0+x")->revision, "v1.0+x");
}

TEST(Repository, OtherTextIsNone) {
  for (const std::string text :
       {"",         "name",   "a/b/c",    "/a",      "a/",     "../b",       "a/..",   "./b",
        "a/.b",     "a/b.",   "-a/b",     "a/b-",    "a--b/c", "a/b--c",     "a/b..c", "a b/c",
        "a/b\n",    "a/b?",   "a/b%2f",   "a/b@",    "a/b@..", "a/b@x/../y", "a/b@/x", "a/b@x/",
        "a/b@x//y", "a/b@.x", "a/b@x/.y", "a/b@x y", "a/b@x@y"}) {
    EXPECT_FALSE(parse_repository(text)) << '"' << text << '"';
  }
  EXPECT_TRUE(parse_repository("a/" + std::string(94, 'b')));
  EXPECT_FALSE(parse_repository("a/" + std::string(95, 'b')));
}

TEST(Repository, CommitsAreFortyDigits) {
  EXPECT_TRUE(is_commit("0123456789abcdef0123456789abcdef01234567"));
  EXPECT_FALSE(is_commit("0123456789ABCDEF0123456789abcdef01234567"));
  EXPECT_FALSE(is_commit("0123456789abcdef0123456789abcdef0123456"));
  EXPECT_FALSE(is_commit("main"));
}

}  // namespace
}  // namespace ddim::engine::hub
