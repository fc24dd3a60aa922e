#pragma once

#include <ddim/train.h>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <string>

#include "train/trainer.h"

namespace ddim::engine::train {

/// The last steps of a run, for what people are told of it.
class RecentSteps {
 public:
  /// Starts the clock.
  RecentSteps() : last_(Clock::now()) {}

  /// Adds a step that has just ended.
  void add(const StepReport& report);
  /// How far the run is: `step` of `last_step` are done, each of which sees `pictures` of
  /// `num_images` training pictures.
  TrainProgress progress(std::int64_t last_step, std::int64_t pictures, std::int64_t num_images,
                         std::optional<double> validation_loss) const;

 private:
  using Clock = std::chrono::steady_clock;
  struct Step {
    double seconds;  // since the end of the step before
    double loss;
    bool refused;
  };
  std::deque<Step> steps_;
  StepReport newest_;
  Clock::time_point last_;
};

/// "step 72/200, epoch 5.8, loss 0.071 (mean of 50), lr 5.0e-4, 1.34 s/step, 3 min left": the parts
/// that fit into `columns` characters, the first always.
std::string step_line(const TrainProgress& progress, std::size_t columns);

/// "about 5 min", "about 220 days"
std::string about_duration(double seconds);

/// "estimate: about 5 min on this machine (200 steps, 1.34 s each)"
std::string estimate_line(std::int64_t steps, double seconds_per_step);

}  // namespace ddim::engine::train
