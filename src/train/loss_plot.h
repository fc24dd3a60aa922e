#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "report/chart.h"
#include "train/metrics.h"

namespace ddim::engine::train {

/// Points of a curve, in bounded memory: means of neighbours where there are many.
class ThinnedCurve {
 public:
  void add(double x, double y);
  bool empty() const { return groups_.empty(); }
  /// 800 at most; exactly what was added, while that is not more.
  std::vector<report::Point> points() const;

 private:
  struct Group {
    double x = 0.0, y = 0.0;  ///< sums
    std::int64_t count = 0;
  };
  std::vector<Group> groups_;
  std::int64_t group_size_ = 1;
};

/// The curves of a run, from the lines of its metrics.
class RunCurves {
 public:
  void add(const MetricsLine& line);
  bool empty() const { return !last_; }
  /// An SVG picture, one below the other over the steps: the loss and the loss on data.validation
  /// on a logarithmic axis, the norm of the gradient on another, the learning rate, and what
  /// output.evaluate_every_steps measured. There must be a line.
  std::string svg(const std::string& title) const;

 private:
  ThinnedCurve loss_, validation_loss_, grad_norm_, learning_rate_, eps_error_, kernel_distance_;
  std::optional<MetricsLine> last_;
};

}  // namespace ddim::engine::train
