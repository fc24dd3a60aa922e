#include "base/one_line.h"

#include <gtest/gtest.h>

namespace ddim::engine {
namespace {

TEST(OneLine, HoldsAnyText) {
  EXPECT_EQ(to_one_line("a\nb\\n"), "a\\nb\\\\n");
  for (const char* text : {"", "plain", "\n", "\\", "a\n\n\\n\\\\\n"}) {
    EXPECT_EQ(to_one_line(text).find('\n'), std::string::npos) << text;
    EXPECT_EQ(from_one_line(to_one_line(text)), text);
  }
}

}  // namespace
}  // namespace ddim::engine
