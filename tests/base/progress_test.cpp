#include "base/progress.h"

#include <ddim/counts.h>
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
            " 60%  600/1,000 steps, 2 steps/s, 3 min left");
  EXPECT_EQ(describe_progress({.done = 0, .total = 1000}, "steps"), "  0%  0/1,000 steps");
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
  EXPECT_THAT(out.str(), HasSubstr("100%  1,000/1,000 steps"));
  EXPECT_THAT(out.str(), HasSubstr(", loss 1\nsaved\n"));
  EXPECT_EQ(out.str().find('\r'), std::string::npos);
  EXPECT_LT(out.str().size(), 200U);  // not a line for each of the 1000
}

TEST(Progress, ACallersLineStandsInPlaceOfBarAndRate) {
  for (const ProgressStyle style : {ProgressStyle::bar, ProgressStyle::lines}) {
    std::ostringstream out;
    std::size_t width = 0;
    int times_made = 0;
    {
      Progress progress(out, style, "steps");
      progress.begin(0, 1000);
      for (std::int64_t i = 1; i <= 1000; ++i) {
        progress.update(i, [&](std::size_t columns) {
          width = columns;
          ++times_made;
          return "step " + std::to_string(i);
        });
      }
    }
    EXPECT_EQ(out.str().substr(out.str().size() - 10), "step 1000\n");
    EXPECT_LT(times_made, 100);  // only what is shown
    EXPECT_GE(width, 19U);
    EXPECT_EQ(width > 100'000, style == ProgressStyle::lines);
  }
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
  EXPECT_TRUE(text.ends_with("took 0 s\n"));
}

TEST(Progress, NamesWhatIsShownInPlaceOfSteps) {
  EXPECT_EQ(describe_progress({.done = 30, .total = 60, .seconds = 60.0}, "steps",
                              "1,234/50,000 pictures"),
            " 50%  1,234/50,000 pictures, 1 min left");
  EXPECT_EQ(describe_progress({.done = 60, .total = 60, .seconds = 120.0}, "steps", "3 pictures"),
            "100%  3 pictures, took 2 min");
}

TEST(Progress, LeftOverTimeFollowsTheLatestRate) {
  EXPECT_EQ(describe_progress({.done = 50, .total = 100, .seconds = 50.0, .rate = 5.0}, "steps"),
            " 50%  50/100 steps, 5 steps/s, 10 s left");
}

TEST(Progress, RatesAreWrittenWithoutExponents) {
  const auto text_at = [](double seconds) {
    return describe_progress({.done = 90'000, .total = 100'000, .seconds = seconds}, "kB");
  };
  EXPECT_THAT(text_at(1.0), HasSubstr(", 90,000 kB/s"));
  EXPECT_THAT(text_at(1000.0), HasSubstr(", 90 kB/s"));
  EXPECT_THAT(text_at(1e6), HasSubstr(", 0.09 kB/s"));
}

TEST(Progress, CountsHaveSeparatorsAndAnEnding) {
  EXPECT_EQ(with_thousands(0), "0");
  EXPECT_EQ(with_thousands(999), "999");
  EXPECT_EQ(with_thousands(1000), "1,000");
  EXPECT_EQ(with_thousands(-1234567), "-1,234,567");
  EXPECT_EQ(with_thousands(-123), "-123");
  EXPECT_EQ(count_of(1, "pictures"), "1 picture");
  EXPECT_EQ(count_of(0, "steps"), "0 steps");
  EXPECT_EQ(count_of(1200, "network calls"), "1,200 network calls");
}

TEST(Progress, BarFitsTheWindow) {
  for (const int columns : {1, 5, 20, 40, 60, 80, 100, 200}) {
    std::ostringstream out;
    {
      Progress progress(out, ProgressStyle::bar, "steps", columns);
      progress.begin(0, 100'000);
      progress.update(100'000, "loss 0.0312", "");
    }
    const std::string text = out.str();
    EXPECT_LT(text.find_first_of("\r\n"), static_cast<std::size_t>(std::max(columns, 2)))
        << columns << ": " << text;
    if (columns >= 40) {
      EXPECT_THAT(text, HasSubstr("100%  100,000/100,000 steps")) << columns;
    }
    if (columns >= 45) {
      EXPECT_THAT(text, HasSubstr("took 0 s")) << columns;
    }
    if (columns >= 120) {
      EXPECT_THAT(text, HasSubstr("[########################]")) << columns;
      EXPECT_THAT(text, HasSubstr("steps/s, took 0 s, loss 0.0312")) << columns;
    }
  }
}

TEST(Progress, ANarrowWindowGetsTheBriefHead) {
  const auto shown = [](int columns) {
    std::ostringstream out;
    {
      Progress progress(out, ProgressStyle::bar, "steps", columns);
      progress.begin(0, 100);
      progress.update(100, "", "S = 100, encoding: 1,200/50,000 pictures", "S = 100, encoding");
    }
    return out.str();
  };
  EXPECT_EQ(shown(40), "[####]100%  S = 100, encoding, took 0 s\n");
  EXPECT_THAT(shown(80), HasSubstr("]100%  S = 100, encoding: 1,200/50,000 pictures, took 0 s\n"));
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
