#include "report/chart.h"

#include <ddim/counts.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <limits>
#include <string_view>

#include "base/text.h"

namespace ddim::engine::report {
namespace {

constexpr double kWidth = 760.0, kLeft = 74.0, kRight = 24.0, kTop = 58.0, kGap = 44.0;
constexpr double kTopWithoutHeading = 30.0;
constexpr double kBottom = 52.0;

/// A coordinate in the picture.
std::string at(double value) {
  std::array<char, 32> text{};
  std::snprintf(text.data(), text.size(), "%.1f", value);
  return text.data();
}
std::string count(double value) { return with_thousands(std::llround(value)); }

/// Round numbers in low..high, about `wanted` of them, at least `least_step` apart: 1 on an axis
/// that counts.
std::vector<double> linear_ticks(double low, double high, int wanted, double least_step = 0.0) {
  const double rough = (high - low) / wanted;
  const double power = std::pow(10.0, std::floor(std::log10(rough)));
  double step = 10.0 * power;
  for (const double factor : {5.0, 2.0, 1.0})
    if (factor * power >= rough) step = factor * power;
  step = std::max(step, least_step);
  std::vector<double> ticks;
  for (double i = std::ceil(low / step - 1e-9); i * step <= high * (1.0 + 1e-12) + 1e-300; ++i)
    ticks.push_back(i * step + 0.0);  // no -0
  return ticks;
}

/// Within a decade or so round numbers, beyond that its powers of ten.
std::vector<double> logarithmic_ticks(double low, double high) {
  const double decades = std::log10(high / low);
  if (decades < 0.7) return linear_ticks(low, high, 6);
  std::vector<double> ticks;
  for (double power = std::floor(std::log10(low)); power <= std::log10(high); ++power) {
    for (const double factor : {1.0, 2.0, 5.0}) {
      const double tick = factor * std::pow(10.0, power);
      if ((factor == 1.0 || decades < 2.5) && tick >= low && tick <= high) ticks.push_back(tick);
    }
  }
  return ticks;
}

/// Smallest and largest value with a little room, never equal.
struct Range {
  double low, high;
};
Range range_of(const Panel& panel) {
  double low = std::numeric_limits<double>::infinity(), high = -low;
  for (const Curve& curve : panel.curves) {
    for (const Point& point : curve.points) {
      const double below = point.y - point.half_width;
      low = std::min(low, panel.scale == Scale::logarithmic && below <= 0.0 ? point.y : below);
      high = std::max(high, point.y + point.half_width);
    }
  }
  if (low > high) return {0.1, 1.0};
  if (panel.scale == Scale::logarithmic) return {low / 1.1, high * 1.1};
  return {std::min(0.0, low), high > 0.0 ? high * 1.05 : 1.0};
}

constexpr std::string_view kReplacement = "\xef\xbf\xbd";  // U+FFFD

/// The bytes of the character that `text`, in UTF-8, begins with; 0 where XML has no such one.
std::size_t length_of_character(std::string_view text) {
  const auto byte = [&](std::size_t i) -> std::uint32_t {
    return i < text.size() ? static_cast<unsigned char>(text[i]) : 0;
  };
  const std::uint32_t first = byte(0);
  if (first < 0x80) return 1;
  if (first < 0xc2 || first > 0xf4) return 0;
  const std::size_t length = first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
  std::uint32_t code = first & (0x7fU >> length);
  for (std::size_t i = 1; i < length; ++i) {
    if ((byte(i) & 0xc0) != 0x80) return 0;
    code = code << 6 | (byte(i) & 0x3f);
  }
  const std::uint32_t least = length == 2 ? 0x80 : length == 3 ? 0x800 : 0x10000;
  const bool is_half_of_a_pair = code >= 0xd800 && code < 0xe000;
  const bool is_none = code == 0xfffe || code == 0xffff;
  return code < least || code > 0x10ffff || is_half_of_a_pair || is_none ? 0 : length;
}

class Drawing {
 public:
  Drawing(const HorizontalAxis& x) : x_(x) {}

  void text(double x, double y, const char* style, const std::string& text) {
    svg_ += concat("<text x=\"", at(x), "\" y=\"", at(y), "\" ", style, ">", escaped(text),
                   "</text>\n");
  }

  void panel(const Panel& panel, double top) {
    const auto [low, high] = range_of(panel);
    const bool is_log = panel.scale == Scale::logarithmic;
    const double bottom = top + panel.height;
    const auto y_of = [&, low = low, high = high](double value) {
      const double share =
          is_log ? std::log(value / low) / std::log(high / low) : (value - low) / (high - low);
      return bottom - share * panel.height;
    };
    text(kLeft, top - 8.0, "class=\"title\"", panel.title);
    for (const double tick : is_log ? logarithmic_ticks(low, high) : linear_ticks(low, high, 3)) {
      line(kLeft, y_of(tick), kWidth - kRight, y_of(tick));
      text(kLeft - 8.0, y_of(tick) + 4.0, "text-anchor=\"end\"", short_number(tick));
    }
    for (const double tick : x_.ticks.empty() ? linear_ticks(0.0, x_.last, 6, 1.0) : x_.ticks) {
      line(x_of(tick), top, x_of(tick), bottom);
      text(x_of(tick), bottom + 17.0, "text-anchor=\"middle\"", count(tick));
    }
    svg_ += concat("<rect x=\"", at(kLeft), "\" y=\"", at(top), "\" width=\"",
                   at(kWidth - kLeft - kRight), "\" height=\"", at(panel.height),
                   "\" fill=\"none\" stroke=\"#888\"/>\n");
    double legend = kWidth - kRight;
    for (const Curve& curve : panel.curves) {
      if (curve.points.empty()) continue;
      for (const Point& point : curve.points)
        if (point.half_width > 0.0)
          interval(
              curve, x_of(point.x),
              y_of(is_log ? std::max(low, point.y - point.half_width) : point.y - point.half_width),
              y_of(point.y + point.half_width));
      std::string points;
      for (const Point& point : curve.points)
        points += concat(at(x_of(point.x)), ",", at(y_of(point.y)), " ");
      svg_ += concat("<polyline points=\"", points, "\" fill=\"none\" stroke=\"", curve.colour,
                     "\" stroke-width=\"1.6\" stroke-linejoin=\"round\"",
                     curve.stroke == Stroke::dashed ? " stroke-dasharray=\"5 4\"" : "", "/>\n");
      if (curve.points.size() <= 40) {  // few: say where they are
        for (const Point& point : curve.points)
          svg_ += concat("<circle cx=\"", at(x_of(point.x)), "\" cy=\"", at(y_of(point.y)),
                         "\" r=\"2.4\" fill=\"", curve.colour, "\"/>\n");
      }
      if (curve.label.empty()) continue;
      text(legend, top - 8.0,
           concat("text-anchor=\"end\" style=\"fill:", curve.colour, "\"").c_str(), curve.label);
      legend -= 7.0 * static_cast<double>(curve.label.size()) + 16.0;
    }
  }

  std::string finish(double height) const {
    return concat(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"", at(kWidth), "\" height=\"",
        at(height), "\" viewBox=\"0 0 ", at(kWidth), " ", at(height),
        "\">\n<style>text{font:12px "
        "sans-serif;fill:#333}.title{font-weight:bold}.heading{font-size:"
        "16px;font-weight:bold}</style>\n<rect width=\"100%\" height=\"100%\" fill=\"#fff\"/>\n",
        svg_, "</svg>\n");
  }

 private:
  double x_of(double x) const {
    constexpr double kInside = kWidth - kLeft - kRight;
    if (x_.scale == Scale::linear) return kLeft + x / x_.last * kInside;
    constexpr double kMargin = 24.0;  // so that the first and the last point are not on the frame
    return kLeft + kMargin +
           std::log(x / x_.first) / std::log(x_.last / x_.first) * (kInside - 2.0 * kMargin);
  }
  void line(double x1, double y1, double x2, double y2) {
    svg_ += concat("<line x1=\"", at(x1), "\" y1=\"", at(y1), "\" x2=\"", at(x2), "\" y2=\"",
                   at(y2), "\" stroke=\"#e4e4e4\"/>\n");
  }
  /// A whisker from one y to another, with caps.
  void interval(const Curve& curve, double x, double low, double high) {
    svg_ += concat("<path d=\"M", at(x), " ", at(low), "V", at(high), "M", at(x - 3.0), " ",
                   at(low), "h6M", at(x - 3.0), " ", at(high), "h6\" fill=\"none\" stroke=\"",
                   curve.colour, "\" opacity=\"0.6\"/>\n");
  }

  HorizontalAxis x_;
  std::string svg_;
};

}  // namespace

std::string escaped(const std::string& text) {
  std::string result;
  for (std::string_view rest = text; !rest.empty();) {
    const std::size_t length = length_of_character(rest);
    const std::string_view character = rest.substr(0, std::max<std::size_t>(length, 1));
    rest.remove_prefix(character.size());
    const auto first = static_cast<unsigned char>(character.front());
    if (character == "&")
      result += "&amp;";
    else if (character == "<")
      result += "&lt;";
    else if (character == ">")  // "]]>" is no text of XML
      result += "&gt;";
    else if (character == "\"")
      result += "&quot;";
    else if (first < 0x20 || first == 0x7f)
      result += ' ';
    else
      result += length == 0 ? kReplacement : character;
  }
  return result;
}

std::string short_number(double value) {
  std::array<char, 32> text{};
  std::snprintf(text.data(), text.size(), "%.4g", value);
  return text.data();
}

std::string to_svg(const Chart& chart) {
  Drawing drawing(chart.x);
  if (!chart.heading.empty()) drawing.text(kLeft, 24.0, "class=\"heading\"", chart.heading);
  double top = chart.heading.empty() ? kTopWithoutHeading : kTop;
  for (const Panel& panel : chart.panels) {
    drawing.panel(panel, top);
    top += panel.height + kGap;
  }
  drawing.text((kLeft + kWidth - kRight) / 2.0, top - kGap + 36.0, "text-anchor=\"middle\"",
               chart.x.title);
  return drawing.finish(top - kGap + kBottom);
}

}  // namespace ddim::engine::report
