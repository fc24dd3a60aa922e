#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>

#include "base/appended_file.h"

namespace ddim::engine::train {

/// One line of a run's record.
struct MetricsLine {
  std::int64_t step = 0;    ///< steps done
  std::int64_t images = 0;  ///< images seen
  double loss = 0.0;       ///< mean over the steps since the line before; NaN when all were refused
  double grad_norm = 0.0;  ///< of the last step
  double learning_rate = 0.0;
  double images_per_second = 0.0;  ///< since the line before
  double seconds = 0.0;            ///< in steps, over all sessions up to their last lines
  std::int64_t skipped = 0;        ///< steps refused so far
  /// On data.validation, where it was measured at this step: NaN says that it was not finite.
  std::optional<double> validation_loss = {};
  /// Of the averaged weights, where output.evaluate_every_steps measured it.
  std::optional<double> eps_error = {};
  std::optional<double> kernel_distance = {};
};

/// The metrics.csv in a run's folder, which grows while it is read: in pieces, whatever its size.
class MetricsReader {
 public:
  explicit MetricsReader(const std::filesystem::path& run_folder);

  /// Hands each complete line that it has not handed out yet to `sink`; none when there is no such
  /// file. A column that the file of an earlier version lacks keeps its default. Error(corrupt) for
  /// a line that is none, also the next time; Error(io) for a file that cannot be read.
  void read_on(const std::function<void(const MetricsLine&)>& sink);

 private:
  std::filesystem::path path_;
  std::uint64_t position_ = 0;  ///< of the first line that is still to be handed out
};

/// metrics.csv and metrics.jsonl in a run's folder: the same lines in two forms.
class MetricsLog {
 public:
  /// Goes on after `step`: lines of later steps, and a last line that was cut short, are removed
  /// (they will be written again). Error(io), and nothing replaced, when one of the files cannot be
  /// read; Error(io) when they cannot be written.
  MetricsLog(const std::filesystem::path& run_folder, std::int64_t step);

  void write(const MetricsLine& line);
  /// Puts a line in the place of last_kept(), which is of the same step; no other may have been
  /// written. Each file is as before or has the new line, metrics.csv after the other one.
  void replace_last_kept(const MetricsLine& line);
  /// Of the lines that were there.
  const std::optional<MetricsLine>& last_kept() const { return last_kept_; }
  /// Its `seconds`; 0 for a new run.
  double seconds_before() const { return last_kept_ ? last_kept_->seconds : 0.0; }

 private:
  std::filesystem::path csv_path_, jsonl_path_;
  std::optional<AppendedFile> csv_, jsonl_;
  std::optional<MetricsLine> last_kept_;
};

}  // namespace ddim::engine::train
