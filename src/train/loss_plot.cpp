#include "train/loss_plot.h"

#include <ddim/counts.h>

#include <algorithm>
#include <cmath>
#include <optional>
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

/// Values that a logarithmic axis has.
bool is_positive(double value) { return std::isfinite(value) && value > 0.0; }
bool is_positive(const std::optional<double>& value) { return value && is_positive(*value); }

}  // namespace

void ThinnedCurve::add(double x, double y) {
  if (groups_.empty() || groups_.back().count == group_size_) {
    if (groups_.size() == kMaxPoints) {
      for (std::size_t i = 0; i < kMaxPoints / 2; ++i) {
        const Group &left = groups_[2 * i], &right = groups_[2 * i + 1];
        groups_[i] = {left.x + right.x, left.y + right.y, left.count + right.count};
      }
      groups_.resize(kMaxPoints / 2);
      group_size_ *= 2;
    }
    groups_.emplace_back();
  }
  Group& group = groups_.back();
  group.x += x;
  group.y += y;
  ++group.count;
}

std::vector<Point> ThinnedCurve::points() const {
  std::vector<Point> means;
  for (const Group& group : groups_) {
    const auto count = static_cast<double>(group.count);
    means.push_back({group.x / count, group.y / count});
  }
  return means;
}

void RunCurves::add(const MetricsLine& line) {
  const auto step = static_cast<double>(line.step);
  if (is_positive(line.loss)) loss_.add(step, line.loss);
  if (is_positive(line.validation_loss)) validation_loss_.add(step, *line.validation_loss);
  if (is_positive(line.grad_norm)) grad_norm_.add(step, line.grad_norm);
  if (std::isfinite(line.learning_rate)) learning_rate_.add(step, line.learning_rate);
  if (is_positive(line.eps_error)) eps_error_.add(step, *line.eps_error);
  if (line.kernel_distance && std::isfinite(*line.kernel_distance))
    kernel_distance_.add(step, *line.kernel_distance);
  last_ = line;
}

std::string RunCurves::svg(const std::string& title) const {
  ensure(!empty(), "RunCurves: no lines");
  const auto curve = [&](std::string name, const char* colour, const ThinnedCurve& of) {
    Curve result{.colour = colour, .points = of.points()};
    if (!name.empty() && !result.points.empty())
      result.label = concat(name, " ", report::short_number(result.points.back().y));
    return result;
  };
  constexpr Scale kLog = Scale::logarithmic;
  std::vector<Panel> panels{Panel{.title = "Loss",
                                  .scale = kLog,
                                  .height = 260.0,
                                  .curves = {curve("training", "#2a6fbb", loss_),
                                             curve("held-out", "#d9612b", validation_loss_)}},
                            Panel{.title = "Norm of the gradient",
                                  .scale = kLog,
                                  .height = 110.0,
                                  .curves = {curve("", "#5a8f3c", grad_norm_)}},
                            Panel{.title = "Learning rate",
                                  .scale = Scale::linear,
                                  .height = 80.0,
                                  .curves = {curve("", "#7a5aa6", learning_rate_)}}};
  // Where output.evaluate_every_steps measured them.
  const auto add_quality = [&](const char* name, const ThinnedCurve& of, const char* colour,
                               Scale scale) {
    if (!of.empty())
      panels.push_back(
          {.title = name, .scale = scale, .height = 110.0, .curves = {curve("", colour, of)}});
  };
  add_quality("Error of the predicted noise (eps error)", eps_error_, "#d9612b", kLog);
  // Around 0, also below it, for pictures as good as the real ones.
  add_quality("Kernel distance of drawn pictures", kernel_distance_, "#b83a4b", Scale::linear);

  return report::to_svg(
      {.heading = concat(title, ": ", with_thousands(last_->step),
                         last_->step == 1 ? " step, " : " steps, ", with_thousands(last_->images),
                         " pictures seen"),
       .x = {.title = "steps", .last = std::max(1.0, static_cast<double>(last_->step))},
       .panels = std::move(panels)});
}

}  // namespace ddim::engine::train
