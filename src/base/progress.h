#pragma once

#include <chrono>
#include <cstdint>
#include <iosfwd>
#include <string>
#include <string_view>

namespace ddim {

/// How progress is shown: a bar that is redrawn in place (a terminal), a plain line now and then
/// (a file, a pipe), or not at all.
enum class ProgressStyle { bar, lines, silent };

/// `bar` when the file descriptor is a terminal, otherwise `lines`.
ProgressStyle progress_style_for(int file_descriptor);

/// A moment of a long task.
struct ProgressPoint {
  std::int64_t done = 0;
  std::int64_t total = 0;
  std::int64_t done_at_start = 0;  ///< what was there before this process began (a resumed run)
  double seconds = 0.0;            ///< since this process began
};

/// " 12%  1200/10000 steps, 3.1 steps/s, 47 min left": the rate is that of this process.
std::string describe_progress(const ProgressPoint& point, std::string_view unit);

/// "[####......]" with `width` characters between the brackets.
std::string progress_bar(std::int64_t done, std::int64_t total, int width);

/// "8 s", "47 min", "2 h 10 min", "3 d 4 h"
std::string describe_duration(double seconds);

/// Tells somebody who waits how far a long task is. Not thread-safe.
class Progress {
 public:
  /// `unit` is a plural: "steps", "images". `out` must outlive this.
  Progress(std::ostream& out, ProgressStyle style, std::string unit);
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;
  /// Ends the bar's line.
  ~Progress();

  /// Starts the clock.
  void begin(std::int64_t done, std::int64_t total);
  /// May show the new state, with `note` ("loss 0.0312") after it: a bar at most ten times a
  /// second, lines at most every 30 seconds; the last one (done == total) always.
  void update(std::int64_t done, std::string_view note);
  /// A line that stays, above the bar; silent ones drop it.
  void line(std::string_view text);

 private:
  using Clock = std::chrono::steady_clock;
  void erase_bar();

  std::ostream& out_;
  ProgressStyle style_;
  std::string unit_;
  ProgressPoint point_;
  Clock::time_point start_;
  Clock::time_point last_shown_;
  std::size_t bar_length_ = 0;  ///< of what stands in the bar's line
};

}  // namespace ddim
