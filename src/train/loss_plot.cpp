#include "train/loss_plot.h"

#include <ddim/counts.h>

#include <algorithm>
#include <cmath>
#include <utility>
#include <vector>

#include "base/error.h"
#include "report/chart.h"

namespace ddim::engine::train {
namespace {

constexpr std::size_t kMaxPoints = 800;

using report::Curve;
using report::Panel;
using report::Point;
using report::Scale;

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
      mean.x += all[i].x / static_cast<double>(count);
      mean.y += all[i].y / static_cast<double>(count);
    }
    means.push_back(mean);
  }
  return means;
}

}  // namespace

std::string loss_plot(const std::string& title, std::span<const MetricsLine> lines) {
  ensure(!lines.empty(), "loss_plot: no lines");
  const auto curve = [&](std::string name, const char* colour, double MetricsLine::*column,
                         Scale scale) {
    Curve result{.colour = colour, .points = points_of(lines, column, scale)};
    if (!name.empty() && !result.points.empty())
      result.label = concat(name, " ", report::short_number(result.points.back().y));
    return result;
  };
  constexpr Scale kLog = Scale::logarithmic;
  std::vector<Panel> panels{
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
  // Where output.evaluate_every_steps measured them.
  const auto add_quality = [&](const char* name, double MetricsLine::*column, const char* colour,
                               Scale scale) {
    const Curve measured = curve("", colour, column, scale);
    if (!measured.points.empty())
      panels.push_back({.title = name, .scale = scale, .height = 110.0, .curves = {measured}});
  };
  add_quality("Error of the predicted noise (eps error)", &MetricsLine::eps_error, "#d9612b", kLog);
  // Around 0, also below it, for pictures as good as the real ones.
  add_quality("Kernel distance of drawn pictures", &MetricsLine::kernel_distance, "#b83a4b",
              Scale::linear);

  const MetricsLine& last = lines.back();
  return report::to_svg(
      {.heading =
           concat(title, ": ", with_thousands(last.step), last.step == 1 ? " step, " : " steps, ",
                  with_thousands(last.images), " pictures seen"),
       .x = {.title = "steps", .last = std::max(1.0, static_cast<double>(last.step))},
       .panels = std::move(panels)});
}

}  // namespace ddim::engine::train
