#include "train/loss_plot.h"

#include <ddim/counts.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <limits>
#include <vector>

#include "base/error.h"

namespace ddim::engine::train {
namespace {

constexpr double kWidth = 760.0, kLeft = 74.0, kRight = 24.0, kTop = 58.0, kGap = 44.0;
constexpr double kBottom = 52.0;
constexpr std::size_t kMaxPoints = 800;

struct Point {
  double step, value;
};

struct Curve {
  std::string name;
  const char* colour;
  std::vector<Point> points;
};

enum class Scale { linear, logarithmic };

struct Panel {
  std::string title;
  Scale scale;
  double height;
  std::vector<Curve> curves;
};

std::string number(double value) {
  std::array<char, 32> text{};
  std::snprintf(text.data(), text.size(), "%.4g", value);
  return text.data();
}
/// A coordinate in the picture.
std::string at(double value) {
  std::array<char, 32> text{};
  std::snprintf(text.data(), text.size(), "%.1f", value);
  return text.data();
}
std::string count(double value) { return with_thousands(std::llround(value)); }

std::string escaped(const std::string& text) {
  std::string result;
  for (const char letter : text) {
    if (letter == '&')
      result += "&amp;";
    else if (letter == '<')
      result += "&lt;";
    else if (static_cast<unsigned char>(letter) < 0x20)
      result += ' ';
    else
      result += letter;
  }
  return result;
}

/// The finite values of a column, means of neighbours where there are many; positive ones for a
/// logarithmic axis.
std::vector<Point> points_of(std::span<const MetricsLine> lines, double MetricsLine::*column,
                             Scale scale) {
  std::vector<Point> all;
  for (const MetricsLine& line : lines) {
    const double value = line.*column;
    if (std::isfinite(value) && (scale == Scale::linear || value > 0.0))
      all.push_back({static_cast<double>(line.step), value});
  }
  const std::size_t group = (all.size() + kMaxPoints - 1) / kMaxPoints;
  if (group <= 1) return all;
  std::vector<Point> means;
  for (std::size_t first = 0; first < all.size(); first += group) {
    const std::size_t count = std::min(group, all.size() - first);
    Point mean{0.0, 0.0};
    for (std::size_t i = first; i < first + count; ++i) {
      mean.step += all[i].step / static_cast<double>(count);
      mean.value += all[i].value / static_cast<double>(count);
    }
    means.push_back(mean);
  }
  return means;
}

/// Round numbers in low..high, about `wanted` of them.
std::vector<double> linear_ticks(double low, double high, int wanted) {
  const double rough = (high - low) / wanted;
  const double power = std::pow(10.0, std::floor(std::log10(rough)));
  double step = 10.0 * power;
  for (const double factor : {5.0, 2.0, 1.0})
    if (factor * power >= rough) step = factor * power;
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
      low = std::min(low, point.value);
      high = std::max(high, point.value);
    }
  }
  if (low > high) return {0.1, 1.0};
  if (panel.scale == Scale::logarithmic) return {low / 1.1, high * 1.1};
  return {std::min(0.0, low), high > 0.0 ? high * 1.05 : 1.0};
}

class Drawing {
 public:
  Drawing(double last_step) : last_step_(std::max(1.0, last_step)) {}

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
      text(kLeft - 8.0, y_of(tick) + 4.0, "text-anchor=\"end\"", number(tick));
    }
    for (const double tick : linear_ticks(0.0, last_step_, 6)) {
      line(x_of(tick), top, x_of(tick), bottom);
      text(x_of(tick), bottom + 17.0, "text-anchor=\"middle\"", count(tick));
    }
    svg_ += concat("<rect x=\"", at(kLeft), "\" y=\"", at(top), "\" width=\"",
                   at(kWidth - kLeft - kRight), "\" height=\"", at(panel.height),
                   "\" fill=\"none\" stroke=\"#888\"/>\n");
    double legend = kWidth - kRight;
    for (const Curve& curve : panel.curves) {
      if (curve.points.empty()) continue;
      std::string points;
      for (const Point& point : curve.points)
        points += concat(at(x_of(point.step)), ",", at(y_of(point.value)), " ");
      svg_ += concat("<polyline points=\"", points, "\" fill=\"none\" stroke=\"", curve.colour,
                     "\" stroke-width=\"1.6\" stroke-linejoin=\"round\"/>\n");
      if (curve.points.size() <= 40) {  // few: say where they are
        for (const Point& point : curve.points)
          svg_ += concat("<circle cx=\"", at(x_of(point.step)), "\" cy=\"", at(y_of(point.value)),
                         "\" r=\"2.4\" fill=\"", curve.colour, "\"/>\n");
      }
      if (panel.curves.size() < 2) continue;
      const std::string label = concat(curve.name, " ", number(curve.points.back().value));
      text(legend, top - 8.0,
           concat("text-anchor=\"end\" style=\"fill:", curve.colour, "\"").c_str(), label);
      legend -= 7.0 * static_cast<double>(label.size()) + 16.0;
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
  double x_of(double step) const { return kLeft + step / last_step_ * (kWidth - kLeft - kRight); }
  void line(double x1, double y1, double x2, double y2) {
    svg_ += concat("<line x1=\"", at(x1), "\" y1=\"", at(y1), "\" x2=\"", at(x2), "\" y2=\"",
                   at(y2), "\" stroke=\"#e4e4e4\"/>\n");
  }

  double last_step_;
  std::string svg_;
};

}  // namespace

std::string loss_plot(const std::string& title, std::span<const MetricsLine> lines) {
  ensure(!lines.empty(), "loss_plot: no lines");
  const auto curve = [&](std::string name, const char* colour, double MetricsLine::*column,
                         Scale scale) {
    return Curve{
        .name = std::move(name), .colour = colour, .points = points_of(lines, column, scale)};
  };
  constexpr Scale kLog = Scale::logarithmic;
  const std::array panels{
      Panel{.title = "Loss",
            .scale = kLog,
            .height = 260.0,
            .curves = {curve("training", "#2a6fbb", &MetricsLine::loss, kLog),
                       curve("held-out", "#d9612b", &MetricsLine::validation_loss, kLog)}},
      Panel{.title = "Norm of the gradient",
            .scale = kLog,
            .height = 110.0,
            .curves = {curve("", "#5a8f3c", &MetricsLine::grad_norm, kLog)}},
      Panel{.title = "Learning rate",
            .scale = Scale::linear,
            .height = 80.0,
            .curves = {curve("", "#7a5aa6", &MetricsLine::learning_rate, Scale::linear)}}};

  const MetricsLine& last = lines.back();
  Drawing drawing(static_cast<double>(last.step));
  drawing.text(
      kLeft, 24.0, "class=\"heading\"",
      concat(title, ": ", with_thousands(last.step), last.step == 1 ? " step, " : " steps, ",
             with_thousands(last.images), " pictures seen"));
  double top = kTop;
  for (const Panel& panel : panels) {
    drawing.panel(panel, top);
    top += panel.height + kGap;
  }
  drawing.text((kLeft + kWidth - kRight) / 2.0, top - kGap + 36.0, "text-anchor=\"middle\"",
               "steps");
  return drawing.finish(top - kGap + kBottom);
}

}  // namespace ddim::engine::train
