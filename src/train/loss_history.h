#pragma once

#include <cstddef>
#include <deque>
#include <string>
#include <utility>

namespace ddim::engine::train {

/// What one step with a finite loss and gradient measured.
struct StepLoss {
  double loss = 0.0;
  double grad_norm = 0.0;
  bool skipped = false;  ///< left out as a spike: the weights stayed as they were
  bool operator==(const StepLoss&) const = default;
};

/// How many standard deviations the loss and the norm of a step's gradient lie above the mean of
/// the steps before it; 0 while there are too few of those.
struct Deviation {
  double loss = 0.0;
  double grad_norm = 0.0;
  double larger() const { return loss > grad_norm ? loss : grad_norm; }
};

/// The last steps of a run, as far as they decide which steps are spikes and whether a checkpoint
/// is healthy. Part of the training state: a resumed run decides as one that was not stopped.
class LossHistory {
 public:
  static constexpr std::size_t kWindow = 128;      ///< steps that a new one is compared with
  static constexpr std::size_t kFewestSteps = 32;  ///< with less, there are no spikes
  static constexpr std::size_t kMeanSteps = 32;    ///< of the mean loss that divergence is seen by
  static constexpr std::size_t kFewestMeanSteps = 4;  ///< of a mean of the steps a run began with

  LossHistory() = default;
  /// One that was stored: its steps() and lowest_mean().
  LossHistory(std::deque<StepLoss> steps, double lowest_mean)
      : steps_(std::move(steps)), lowest_mean_(lowest_mean) {}

  Deviation deviation_of(const StepLoss& step) const;
  void add(const StepLoss& step);

  /// "the mean loss of the last 32 steps is 41.2; the lowest was 0.031" when it has risen to more
  /// than 8 times its lowest value; else empty. Skipped steps do not count. Before there are 32
  /// steps, it is compared with the lowest mean of the first n of them, n at least 4, and must be
  /// sqrt(32 / n) times as large again: so much wider do means of n steps spread.
  std::string divergence() const;

  /// At most kWindow, the newest last.
  const std::deque<StepLoss>& steps() const { return steps_; }
  /// Of the means of 32 steps that there have been; 0 before there is one.
  double lowest_mean() const { return lowest_mean_; }

  bool operator==(const LossHistory&) const = default;

 private:
  struct Mean {
    double value = 0.0;
    std::size_t count = 0;
  };
  Mean recent_mean() const;
  Mean lowest() const;

  std::deque<StepLoss> steps_;
  double lowest_mean_ = 0.0;
};

}  // namespace ddim::engine::train
