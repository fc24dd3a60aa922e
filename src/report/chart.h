#pragma once

#include <string>
#include <vector>

namespace ddim::engine::report {

enum class Scale { linear, logarithmic };

/// Where a curve passes, and half the width of the interval there: 0 for none.
struct Point {
  double x = 0.0;
  double y = 0.0;
  double half_width = 0.0;
};

enum class Stroke { solid, dashed };

struct Curve {
  std::string label = {};  ///< in the legend; empty: not in it
  const char* colour = "#333";
  std::vector<Point> points = {};
  Stroke stroke = Stroke::solid;
};

/// A frame with curves over the chart's x.
struct Panel {
  std::string title;
  Scale scale = Scale::linear;
  double height = 260.0;
  std::vector<Curve> curves = {};
};

/// The axis that all panels share: it counts, and has whole numbers. A linear one begins at 0.
struct HorizontalAxis {
  std::string title;
  Scale scale = Scale::linear;
  double last = 1.0;
  double first = 0.0;              ///< of a logarithmic one
  std::vector<double> ticks = {};  ///< none: round numbers
};

struct Chart {
  std::string heading = {};  ///< empty: none
  HorizontalAxis x;
  std::vector<Panel> panels;
};

/// The chart as an SVG picture, its panels one below the other. Values that an axis cannot show are
/// left out by the caller: on a logarithmic one they must be positive.
std::string to_svg(const Chart& chart);

/// Text in SVG and HTML, in UTF-8. A control character becomes a blank, and what is no UTF-8, or no
/// character of XML, becomes U+FFFD: names of folders may hold any bytes.
std::string escaped(const std::string& text);

/// "0.0312", "12.3": four digits.
std::string short_number(double value);

}  // namespace ddim::engine::report
