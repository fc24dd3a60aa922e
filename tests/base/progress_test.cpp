#include "base/progress.h"

#include <gmock/gmock.h>

#include <sstream>

namespace ddim::engine {
namespace {

using ::testing::HasSubstr;

TEST(Progress, DescribesDurations) {
  EXPECT_EQ(describe_duration(0.4), "0 s");
  EXPECT_EQ(describe_duration(59), "59 s");
  EXPECT_EQ(describe_duration(61), "1 min");
  EXPECT_EQ(describe_duration(59 * 60 + 40), "1 h 0 min");
  EXPECT_EQ(describe_duration(2 * 3600 + 10 * 60), "2 h 10 min");
  EXPECT_EQ(describe_duration(3 * 86400 + 4 * 3600), "3 d 4 h");
}

TEST(Progress, RateIsThatOfThisProcess) {
  EXPECT_EQ(describe_progress({.done = 600, .total = 1000, .done_at_start = 500, .seconds = 50.0},
                              "steps"),
            " 60%  600/1000 steps, 2 steps/s, 3 min left");
  EXPECT_EQ(describe_progress({.done = 0, .total = 1000}, "steps"), "  0%  0/1000 steps");
}

TEST(Progress, BarFills) {
  EXPECT_EQ(progress_bar(0, 10, 4), "[....]");
  EXPECT_EQ(progress_bar(5, 10, 4), "[##..]");
  EXPECT_EQ(progress_bar(10, 10, 4), "[####]");
  EXPECT_EQ(progress_bar(0, 0, 2), "[..]");
}

TEST(Progress, LinesHaveNoControlCharactersAndTheLastIsAlwaysThere) {
  std::ostringstream out;
  {
    Progress progress(out, ProgressStyle::lines, "steps");
    progress.begin(0, 1000);
    for (std::int64_t i = 1; i <= 1000; ++i) progress.update(i, "loss 1");
    progress.line("saved");
  }
  EXPECT_THAT(out.str(), HasSubstr("100%  1000/1000 steps"));
  EXPECT_THAT(out.str(), HasSubstr(", loss 1\nsaved\n"));
  EXPECT_EQ(out.str().find('\r'), std::string::npos);
  EXPECT_LT(out.str().size(), 200U);  // not a line for each of the 1000
}

TEST(Progress, BarIsErasedBeforeALineAndEndsItsOwn) {
  std::ostringstream out;
  {
    Progress progress(out, ProgressStyle::bar, "images");
    progress.begin(0, 2);
    progress.update(2, "");
    progress.line("saved");
    progress.update(2, "");
  }
  const std::string text = out.str();
  EXPECT_THAT(text, HasSubstr("[########################]100%  2/2 images"));
  EXPECT_THAT(text, HasSubstr("\rsaved\n"));
  EXPECT_TRUE(text.ends_with("left\n"));
}

TEST(Progress, SilentSaysNothing) {
  std::ostringstream out;
  {
    Progress progress(out, ProgressStyle::silent, "steps");
    progress.begin(0, 1);
    progress.update(1, "x");
    progress.line("y");
  }
  EXPECT_EQ(out.str(), "");
}

}  // namespace
}  // namespace ddim::engine
