#include "run/reporter.h"

#include <ddim/counts.h>
#include <unistd.h>

#include <algorithm>
#include <iostream>

#include "base/error.h"

namespace ddim::engine::run {

using diffusion::Flow;

ProgressStyle style_of(ShowProgress show) {
  return show == ShowProgress::no ? ProgressStyle::silent : progress_style_for(STDERR_FILENO);
}

std::string describe_pictures(std::int64_t num_finished, std::int64_t count, std::int64_t steps,
                              const RunOptions& options) {
  if (count <= options.batch)
    return concat(count_of(count, "pictures"), " x ", count_of(steps, "steps"));
  return concat(with_thousands(num_finished), '/', count_of(count, "pictures"));
}

void show_pictures(Progress& display, const PicturesDone& done, const RunOptions& options) {
  const std::string pictures =
      describe_pictures(done.num_finished, done.count, done.steps, options);
  if (options.label.empty()) return display.update(done.num_steps, "", pictures);
  display.update(done.num_steps, "", concat(options.label, ": ", pictures), options.label);
}

Reporter::Reporter(const RunOptions& options, std::int64_t count, std::int64_t steps,
                   std::int64_t evaluations_per_step)
    : options_(options),
      count_(count),
      steps_(steps),
      total_(count * steps),
      evaluations_per_step_(evaluations_per_step),
      display_(std::clog, style_of(options.show_progress), "steps") {}

Flow Reporter::add(std::int64_t num_steps) {
  const std::lock_guard lock(mutex_);
  done_ += num_steps;
  if (flow_ == Flow::stop) return flow_;
  show();
  if (options_.stop.stop_requested()) flow_ = Flow::stop;
  return flow_;
}

void Reporter::finish(std::int64_t num_pictures, std::int64_t num_steps_left_out) {
  const std::lock_guard lock(mutex_);
  num_finished_ += num_pictures;
  left_out_ += std::max<std::int64_t>(num_steps_left_out, 0);
  if (flow_ == Flow::proceed && num_steps_left_out > 0) show();
}

void Reporter::show() {
  const std::int64_t done = done_ + left_out_;
  if (!begun_) display_.begin(0, total_);
  begun_ = true;
  show_pictures(display_,
                {.num_steps = done,
                 .num_finished = done >= total_ ? count_ : num_finished_,
                 .count = count_,
                 .steps = steps_},
                options_);
  if (options_.progress) {
    options_.progress({.evaluations_done = done * evaluations_per_step_,
                       .evaluations = total_ * evaluations_per_step_});
  }
}

}  // namespace ddim::engine::run
