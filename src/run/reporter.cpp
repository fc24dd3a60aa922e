#include "run/reporter.h"

#include <unistd.h>

#include <iostream>
#include <utility>

namespace ddim::engine::run {

using diffusion::Flow;

ProgressStyle style_of(ShowProgress show) {
  return show == ShowProgress::no ? ProgressStyle::silent : progress_style_for(STDERR_FILENO);
}

Reporter::Reporter(const RunOptions& options, std::int64_t total, std::int64_t evaluations_per_step,
                   std::string unit)
    : options_(options),
      total_(total),
      evaluations_per_step_(evaluations_per_step),
      display_(std::clog, style_of(options.show_progress), std::move(unit)) {}

Flow Reporter::add(std::int64_t num_steps) {
  const std::lock_guard lock(mutex_);
  if (done_ == 0) display_.begin(0, total_);
  done_ += num_steps;
  if (flow_ == Flow::stop) return flow_;
  display_.update(done_, "");
  if (options_.progress) {
    options_.progress({.evaluations_done = done_ * evaluations_per_step_,
                       .evaluations = total_ * evaluations_per_step_});
  }
  if (options_.stop.stop_requested()) flow_ = Flow::stop;
  return flow_;
}

}  // namespace ddim::engine::run
