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
  /// `total` steps of pictures, each of which costs so many network evaluations. `unit` is a
  /// plural: "steps". `options` must outlive this.
  Reporter(const RunOptions& options, std::int64_t total, std::int64_t evaluations_per_step,
           std::string unit = "steps");

  /// Once stopped, the other workers stop at their next step without asking again. Thread-safe.
  diffusion::Flow add(std::int64_t num_steps);
  std::int64_t num_done() const { return done_; }

 private:
  const RunOptions& options_;
  const std::int64_t total_;
  const std::int64_t evaluations_per_step_;
  Progress display_;
  std::mutex mutex_;
  std::int64_t done_ = 0;
  diffusion::Flow flow_ = diffusion::Flow::proceed;
};

/// The style of a display on the standard error stream.
ProgressStyle style_of(ShowProgress show);

}  // namespace ddim::engine::run
