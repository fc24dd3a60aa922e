#include "base/error.h"

#include <gtest/gtest.h>

namespace ddim::engine {
namespace {

TEST(Error, RequireBlamesTheRequest) {
  require(true, "never seen");
  try {
    require(false, "--steps must be ", 1, " or more");
    FAIL() << "nothing was thrown";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::user);
    EXPECT_STREQ(error.what(), "--steps must be 1 or more");
  }
}

TEST(Error, EnsureBlamesTheProgram) {
  ensure(true, "never seen");
  try {
    ensure(false, 3, " shards of ", 2);
    FAIL() << "nothing was thrown";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::internal);
    EXPECT_EQ(static_cast<int>(error.code()), 70);
    EXPECT_STREQ(error.what(), "internal error: 3 shards of 2");
  }
}

}  // namespace
}  // namespace ddim::engine
