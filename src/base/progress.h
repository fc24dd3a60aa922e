#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <iosfwd>
#include <string>
#include <string_view>

namespace ddim::engine {

/// How progress is shown: as a bar that is redrawn in place (on a terminal), as a plain line now
/// and then (in a file or pipe), or not at all.
enum class ProgressStyle { bar, lines, silent };

/// `bar` when the file descriptor is a terminal, otherwise `lines`.
ProgressStyle progress_style_for(int file_descriptor);

/// The state of a long task at one moment.
struct ProgressPoint {
  std::int64_t done = 0;
  std::int64_t total = 0;
  std::int64_t done_at_start = 0;  ///< done before this process began (a resumed run)
  double seconds = 0.0;            ///< since this process began
  double rate = 0.0;               ///< per second, lately; 0 while it is unknown
};

/// " 12%  1,200/10,000 steps, 3.1 steps/s, 47 min left"; at the end "took 50 min" instead of what
/// is left. `head` stands for "1,200/10,000 steps, 3.1 steps/s" where it is not empty.
std::string describe_progress(const ProgressPoint& point, std::string_view unit,
                              std::string_view head = "");

/// "[####......]" with `width` characters between the brackets.
std::string progress_bar(std::int64_t done, std::int64_t total, int width);

/// "8 s", "47 min", "2 h 10 min", "3 d 4 h"
std::string describe_duration(double seconds);

/// Shows the progress of a long task. Not thread-safe.
class Progress {
 public:
  /// `unit` is a plural: "steps", "images". `out` must outlive this. `columns` is the width that a
  /// bar has to fit in; 0: that of the terminal, asked for each time, since windows change.
  Progress(std::ostream& out, ProgressStyle style, std::string unit, int columns = 0);
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;
  /// Ends the bar's line.
  ~Progress();

  /// Starts the clock.
  void begin(std::int64_t done, std::int64_t total);
  /// Shows the new state with `note` ("loss 0.0312") after it, and `head` as describe_progress(): a
  /// bar at most ten times a second, lines at most every 30 seconds, but always the last state
  /// (done == total). `brief_head` takes the place of `head` in a window that is too narrow for it.
  void update(std::int64_t done, std::string_view note, std::string_view head = "",
              std::string_view brief_head = "");
  /// The same with a line of the caller's own, made only when it is shown, in place of all that:
  /// line(columns) has at most so many characters.
  void update(std::int64_t done, const std::function<std::string(std::size_t columns)>& line);
  /// Prints a line that stays, above the bar; nothing if silent.
  void line(std::string_view text);

 private:
  using Clock = std::chrono::steady_clock;
  bool is_due(std::int64_t done);
  void show(const std::string& text);
  void erase_bar();
  void measure_rate(Clock::time_point now);
  /// Where a bar ends. One column is left free: a terminal may go to the next line otherwise.
  int last_column() const;

  std::ostream& out_;
  ProgressStyle style_;
  std::string unit_;
  const int columns_;
  ProgressPoint point_;
  std::int64_t done_at_rate_ = 0;  ///< when the rate was measured last
  Clock::time_point rate_measured_;
  Clock::time_point start_;
  Clock::time_point last_shown_;
  std::size_t bar_length_ = 0;  ///< characters in the line of the bar
};

}  // namespace ddim::engine
