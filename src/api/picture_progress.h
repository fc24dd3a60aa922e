#pragma once

#include <ddim/run_options.h>

#include <atomic>
#include <cstdint>

#include "base/progress.h"

namespace ddim {

/// Shows and reports the progress of all pictures of a piece of work that is drawn in parts, those
/// of earlier runs and other processes too.
class PictureProgress {
 public:
  /// `options` must outlive this.
  PictureProgress(const RunOptions& options, std::int64_t count, std::int64_t steps,
                  std::int64_t num_found);

  void finished(std::int64_t num_pictures) { num_finished_ += num_pictures; }

  /// The options of a part of the run: `num_pictures`, when `num_before` are there already.
  RunOptions part(std::int64_t num_before, std::int64_t num_pictures);

 private:
  void show(std::int64_t num_steps, std::int64_t evaluations_per_step);

  const RunOptions& options_;
  const std::int64_t count_;
  const std::int64_t steps_;
  const std::int64_t num_found_;
  std::atomic<std::int64_t> num_finished_;
  engine::Progress display_;
  bool begun_ = false;
};

}  // namespace ddim
