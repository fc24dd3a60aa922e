#pragma once

#include <ddim/run_options.h>

#include <cstdint>
#include <mutex>
#include <string>

#include "base/progress.h"
#include "diffusion/sampler.h"

namespace ddim::engine::run {

/// Adds up the steps of all workers and tells the caller: a display on the standard error stream,
/// the caller's own function, and whether a stop was requested.
class Reporter {
 public:
  /// `count` pictures of `steps` steps, each of which costs so many network evaluations.
  /// `options` must outlive this.
  Reporter(const RunOptions& options, std::int64_t count, std::int64_t steps,
           std::int64_t evaluations_per_step);

  /// Once stopped, the other workers stop at their next step without asking again. Thread-safe.
  diffusion::Flow add(std::int64_t num_steps);
  /// Pictures were finished, perhaps in fewer steps than was said: those left out count as shown,
  /// not as done.
  void finish(std::int64_t num_pictures, std::int64_t num_steps_left_out);
  std::int64_t num_done() const { return done_; }

 private:
  void show();

  const RunOptions& options_;
  const std::int64_t count_;
  const std::int64_t steps_;
  const std::int64_t total_;
  const std::int64_t evaluations_per_step_;
  Progress display_;
  std::mutex mutex_;
  std::int64_t done_ = 0;
  std::int64_t left_out_ = 0;
  std::int64_t num_finished_ = 0;
  bool begun_ = false;
  diffusion::Flow flow_ = diffusion::Flow::proceed;
};

/// How far a run of pictures is, in steps and in pictures.
struct PicturesDone {
  std::int64_t num_steps = 0;
  std::int64_t num_finished = 0;
  std::int64_t count = 0;
  std::int64_t steps = 0;  ///< of each
};

/// Shows it, as describe_pictures(), behind the label of `options`.
void show_pictures(Progress& display, const PicturesDone& done, const RunOptions& options);

/// What a display says of `count` pictures: "16 pictures x 20 steps" where all are in work at once,
/// and else how many have been finished, "1,200/50,000 pictures".
std::string describe_pictures(std::int64_t num_finished, std::int64_t count, std::int64_t steps,
                              const RunOptions& options);

/// The style of a display on the standard error stream.
ProgressStyle style_of(ShowProgress show);

}  // namespace ddim::engine::run
