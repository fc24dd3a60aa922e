#pragma once

#include <ddim/sample.h>

#include <functional>
#include <iostream>
#include <stop_token>
#include <utility>

#include "api/progress_style.h"
#include "diffusion/sampler.h"

namespace ddim {

/// What a run of images tells its caller: a display on the standard error stream, the caller's own
/// function, and whether a stop was requested.
class RunProgress {
 public:
  RunProgress(ShowProgress show, std::function<void(const SampleProgress&)> callback,
              std::stop_token stop, std::int64_t calls_per_step = 1)
      : display_(std::clog, style_of(show), "steps"),
        callback_(std::move(callback)),
        stop_(std::move(stop)),
        calls_per_step_(calls_per_step) {}

  diffusion::Flow operator()(std::int64_t done, std::int64_t total) {
    if (!begun_) display_.begin(0, total);
    begun_ = true;
    display_.update(done, "");
    if (callback_) {
      callback_(
          {.evaluations_done = done * calls_per_step_, .evaluations = total * calls_per_step_});
    }
    return stop_.stop_requested() ? diffusion::Flow::stop : diffusion::Flow::proceed;
  }

 private:
  Progress display_;
  std::function<void(const SampleProgress&)> callback_;
  std::stop_token stop_;
  std::int64_t calls_per_step_;  // of the network, for each image
  bool begun_ = false;
};

}  // namespace ddim
