#include "api/picture_progress.h"

#include <iostream>

#include "run/reporter.h"

namespace ddim {

using namespace engine;

PictureProgress::PictureProgress(const RunOptions& options, std::int64_t count, std::int64_t steps,
                                 std::int64_t num_found)
    : options_(options),
      count_(count),
      steps_(steps),
      num_found_(num_found),
      num_finished_(num_found),
      display_(std::clog, run::style_of(options.show_progress), "pictures") {}

RunOptions PictureProgress::part(std::int64_t num_before, std::int64_t num_pictures) {
  RunOptions options = options_;
  options.show_progress = ShowProgress::no;
  options.progress = [this, num_before, num_pictures](const RunProgress& progress) {
    const std::int64_t per_step = progress.evaluations / (num_pictures * steps_);
    show(num_before * steps_ + progress.evaluations_done / per_step, per_step);
  };
  return options;
}

void PictureProgress::show(std::int64_t num_steps, std::int64_t evaluations_per_step) {
  if (!begun_) display_.begin(num_found_ * steps_, count_ * steps_);
  begun_ = true;
  const std::int64_t num_finished = num_steps >= count_ * steps_ ? count_ : num_finished_.load();
  run::show_pictures(
      display_,
      {.num_steps = num_steps, .num_finished = num_finished, .count = count_, .steps = steps_},
      options_);
  if (options_.progress)
    options_.progress({.evaluations_done = num_steps * evaluations_per_step,
                       .evaluations = count_ * steps_ * evaluations_per_step});
}

}  // namespace ddim
