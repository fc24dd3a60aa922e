#include "train/loss_plot.h"

#include <gmock/gmock.h>

#include <algorithm>
#include <cstdint>
#include <limits>
#include <string>
#include <vector>

#include "report/chart.h"

namespace ddim::engine::train {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

std::size_t count(const std::string& text, const std::string& part) {
  std::size_t found = 0;
  for (std::size_t i = text.find(part); i != std::string::npos; i = text.find(part, i + 1)) ++found;
  return found;
}

std::vector<MetricsLine> lines(std::int64_t number) {
  std::vector<MetricsLine> result;
  for (std::int64_t i = 1; i <= number; ++i)
    result.push_back({.step = 50 * i,
                      .images = 1600 * i,
                      .loss = 1.0 / static_cast<double>(i),
                      .grad_norm = 0.5,
                      .learning_rate = 1e-4});
  return result;
}

std::string svg_of(const std::vector<MetricsLine>& all, const std::string& title = "run") {
  RunCurves curves;
  for (const MetricsLine& line : all) curves.add(line);
  return curves.svg(title);
}

TEST(LossPlot, DrawsACurveForEachColumnThatThereIs) {
  std::vector<MetricsLine> all = lines(30);
  const std::string plain = svg_of(all, "a <run> & more");
  EXPECT_THAT(plain, HasSubstr("<svg xmlns=\"http://www.w3.org/2000/svg\""));
  EXPECT_THAT(plain, HasSubstr("a &lt;run&gt; &amp; more: 1,500 steps, 48,000 pictures seen"));
  EXPECT_EQ(count(plain, "<polyline"), 3U);
  EXPECT_THAT(plain, HasSubstr(">training 0.03333<"));
  EXPECT_THAT(plain, Not(HasSubstr("held-out")));
  all[9].validation_loss = 0.2;
  all[19].validation_loss = 0.1;
  const std::string with_held_out = svg_of(all);
  EXPECT_EQ(count(with_held_out, "<polyline"), 4U);
  EXPECT_THAT(with_held_out, HasSubstr(">held-out 0.1<"));
}

TEST(LossPlot, LeavesOutWhatIsNotFinite) {
  std::vector<MetricsLine> all = lines(5);
  all[2].loss = std::numeric_limits<double>::quiet_NaN();
  all[3].grad_norm = std::numeric_limits<double>::infinity();
  const std::string svg = svg_of(all);
  EXPECT_THAT(svg, Not(HasSubstr("nan")));
  EXPECT_THAT(svg, Not(HasSubstr("inf")));
  EXPECT_EQ(count(svg, "<circle"), 4U + 4U + 5U);
  for (MetricsLine& line : all) line.loss = std::numeric_limits<double>::quiet_NaN();
  EXPECT_EQ(count(svg_of(all), "<polyline"), 2U);
}

TEST(LossPlot, StaysSmallForLongRuns) {
  EXPECT_LT(svg_of(lines(20000)).size(), 50'000U);
  EXPECT_THAT(svg_of(lines(1)), HasSubstr("50 steps"));  // a single point
}

TEST(LossPlot, CountsStepsInWholeNumbers) {
  for (const std::int64_t last : {1, 2, 3, 4, 5}) {
    std::vector<MetricsLine> all = lines(last);
    for (std::int64_t i = 0; i < last; ++i) all[static_cast<std::size_t>(i)].step = i + 1;
    const std::string svg = svg_of(all);
    for (std::int64_t step = 0; step <= last; ++step)
      EXPECT_EQ(count(svg, "\"middle\">" + std::to_string(step) + "<"), 3U) << last;  // panels
  }
}

TEST(ThinnedCurve, IsWhatWasAddedWhileThatIsLittle) {
  ThinnedCurve curve;
  EXPECT_TRUE(curve.empty());
  for (int i = 0; i < 800; ++i) curve.add(i, 3.0 * i);
  const std::vector<report::Point> points = curve.points();
  ASSERT_EQ(points.size(), 800U);
  for (std::size_t i = 0; i < points.size(); ++i) {
    EXPECT_EQ(points[i].x, static_cast<double>(i));
    EXPECT_EQ(points[i].y, 3.0 * static_cast<double>(i));
  }
}

// Means of equally many neighbours, but for the last: the same points, whether they are asked for
// now and then or not.
TEST(ThinnedCurve, IsMeansOfNeighboursThatNeverBecomeMany) {
  for (const std::int64_t number : {801, 1600, 1601, 12'345}) {
    ThinnedCurve curve;
    for (std::int64_t i = 0; i < number; ++i) {
      curve.add(static_cast<double>(i), static_cast<double>(i * i));
      ASSERT_LE(curve.points().size(), 800U);
    }
    std::int64_t size = 1;
    while (800 * size < number) size *= 2;
    const std::vector<report::Point> points = curve.points();
    ASSERT_EQ(points.size(), static_cast<std::size_t>((number + size - 1) / size)) << number;
    for (std::size_t k = 0; k < points.size(); ++k) {
      const std::int64_t first = static_cast<std::int64_t>(k) * size;
      const std::int64_t last = std::min(first + size, number) - 1;
      double squares = 0.0;
      for (std::int64_t i = first; i <= last; ++i) squares += static_cast<double>(i * i);
      EXPECT_EQ(points[k].x, static_cast<double>(first + last) / 2.0);
      EXPECT_EQ(points[k].y, squares / static_cast<double>(last - first + 1));
    }
  }
}

// A logarithmic axis of steps, as reports have it: equal factors are equal distances, and a point
// has whiskers where it has an interval.
TEST(Chart, HasALogarithmicAxisAndIntervals) {
  const std::string svg = report::to_svg(
      {.x = {.title = "S",
             .scale = report::Scale::logarithmic,
             .last = 1000.0,
             .first = 10.0,
             .ticks = {10.0, 100.0, 1000.0}},
       .panels = {{.title = "d < e",
                   .scale = report::Scale::logarithmic,
                   .height = 100.0,
                   .curves = {{.label = "one & two",
                               .points = {{10.0, 4.0, 1.0}, {100.0, 2.0}, {1000.0, 1.0, 3.0}},
                               .stroke = report::Stroke::dashed}}}}});
  EXPECT_THAT(svg, HasSubstr(">one &amp; two<"));
  EXPECT_THAT(svg, HasSubstr(">d &lt; e<"));
  EXPECT_THAT(svg, HasSubstr("stroke-dasharray"));
  EXPECT_EQ(count(svg, "<path"), 2U);
  std::vector<double> x;
  for (std::size_t i = svg.find("cx=\""); i != std::string::npos; i = svg.find("cx=\"", i + 1))
    x.push_back(std::stod(svg.substr(i + 4)));
  ASSERT_EQ(x.size(), 3U);
  EXPECT_NEAR(x[1] - x[0], x[2] - x[1], 0.11);
  EXPECT_THAT(svg, Not(HasSubstr("nan")));  // 1 - 3 is below 0
  EXPECT_THAT(svg, Not(HasSubstr("inf")));
}

TEST(Chart, TextIsThatOfXmlWhateverItsBytes) {
  const struct {
    std::string text, expected;
  } cases[] = {
      {"a]]>b", "a]]&gt;b"},
      {"a<\"b\"&c", "a&lt;&quot;b&quot;&amp;c"},
      {"two\nlines\t\x7f.", "two lines  ."},
      {"caf\xc3\xa9 \xe2\x82\xac \xf0\x9f\x8e\xa8", "caf\xc3\xa9 \xe2\x82\xac \xf0\x9f\x8e\xa8"},
      {"caf\xe9", "caf\xef\xbf\xbd"},                            // Latin-1
      {"\xc0\xaf", "\xef\xbf\xbd\xef\xbf\xbd"},                  // longer than it need be
      {"\x85\x85", "\xef\xbf\xbd\xef\xbf\xbd"},                  // no first byte
      {"\xed\xa0\x80", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd"},  // half of a pair
      {"\xef\xbf\xbf", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd"},  // no character
      {"\xf4\x90\x80\x80", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd"},  // beyond the last
      {"\xe2\x82", "\xef\xbf\xbd\xef\xbf\xbd"}};                                 // cut short
  for (const auto& each : cases) EXPECT_EQ(report::escaped(each.text), each.expected);
}

}  // namespace
}  // namespace ddim::engine::train
