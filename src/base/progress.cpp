#include "base/progress.h"

#include <ddim/counts.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <iomanip>
#include <limits>
#include <ostream>
#include <utility>

#include "base/error.h"

namespace ddim::engine {

ProgressStyle progress_style_for(int file_descriptor) {
  return ::isatty(file_descriptor) == 1 ? ProgressStyle::bar : ProgressStyle::lines;
}

std::string describe_duration(double seconds) {
  const auto s = static_cast<std::int64_t>(std::llround(std::clamp(seconds, 0.0, 1e12)));
  if (s < 60) return concat(s, " s");
  const std::int64_t minutes = (s + 30) / 60;
  if (minutes < 60) return concat(minutes, " min");
  if (minutes < 24 * 60) return concat(minutes / 60, " h ", minutes % 60, " min");
  return concat(minutes / (24 * 60), " d ", minutes / 60 % 24, " h");
}

namespace {

/// Three digits, without an exponent: "0.0312", "3.1", "312", "31,200".
std::string describe_rate(double rate) {
  if (rate >= 1000.0) return with_thousands(std::llround(std::min(rate, 1e15)));
  TextStream text;
  text << std::setprecision(3) << rate;
  return text.str();
}

/// Columns of the terminal that shows the standard error stream; 80 where it does not say.
int terminal_columns() {
  struct winsize size {};
  const bool known = ::ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0;
  return known ? size.ws_col : 80;
}

}  // namespace

std::string describe_progress(const ProgressPoint& point, std::string_view unit,
                              std::string_view head) {
  TextStream text;
  const std::int64_t total = std::max<std::int64_t>(point.total, 1);
  text << std::setw(3) << 100 * point.done / total << "%  ";
  if (head.empty()) {
    text << with_thousands(point.done) << '/' << with_thousands(point.total) << ' ' << unit;
  } else {
    text << head;
  }
  const std::int64_t done_here = point.done - point.done_at_start;
  if (done_here <= 0 || point.seconds <= 0.0) return text.str();
  const double rate =
      point.rate > 0.0 ? point.rate : static_cast<double>(done_here) / point.seconds;
  if (head.empty()) text << ", " << describe_rate(rate) << ' ' << unit << "/s";
  if (point.done >= point.total) {
    text << ", took " << describe_duration(point.seconds);
  } else {
    text << ", " << describe_duration(static_cast<double>(point.total - point.done) / rate)
         << " left";
  }
  return text.str();
}

std::string progress_bar(std::int64_t done, std::int64_t total, int width) {
  const std::int64_t filled =
      std::clamp<std::int64_t>(width * done / std::max<std::int64_t>(total, 1), 0, width);
  return '[' + std::string(static_cast<std::size_t>(filled), '#') +
         std::string(static_cast<std::size_t>(width - filled), '.') + ']';
}

Progress::Progress(std::ostream& out, ProgressStyle style, std::string unit, int columns)
    : out_(out),
      style_(style),
      unit_(std::move(unit)),
      columns_(columns),
      start_(Clock::now()),
      last_shown_() {}

Progress::~Progress() {
  if (bar_length_ > 0) out_ << std::endl;
}

void Progress::begin(std::int64_t done, std::int64_t total) {
  point_ = {.done = done, .total = total, .done_at_start = done, .seconds = 0.0};
  start_ = Clock::now();
  last_shown_ = start_;
  rate_measured_ = start_;
  done_at_rate_ = done;
}

/// The mean over some seconds: recent enough to follow a change, long enough not to jump.
void Progress::measure_rate(Clock::time_point now) {
  constexpr double kMemorySeconds = 15.0;
  const double seconds = std::chrono::duration<double>(now - rate_measured_).count();
  if (seconds < 0.1 || point_.done == done_at_rate_) return;
  const double now_rate = static_cast<double>(point_.done - done_at_rate_) / seconds;
  const double share = point_.rate > 0.0 ? 1.0 - std::exp(-seconds / kMemorySeconds) : 1.0;
  point_.rate += share * (now_rate - point_.rate);
  rate_measured_ = now;
  done_at_rate_ = point_.done;
}

bool Progress::is_due(std::int64_t done) {
  if (style_ == ProgressStyle::silent) return false;
  const Clock::time_point now = Clock::now();
  const auto pause = style_ == ProgressStyle::bar ? std::chrono::milliseconds(100)
                                                  : std::chrono::milliseconds(30000);
  if (now - last_shown_ < pause && done != point_.total) return false;
  last_shown_ = now;
  point_.done = done;
  point_.seconds = std::chrono::duration<double>(now - start_).count();
  measure_rate(now);
  return true;
}

int Progress::last_column() const { return (columns_ > 0 ? columns_ : terminal_columns()) - 1; }

void Progress::show(const std::string& text) {
  if (style_ == ProgressStyle::lines) {
    out_ << text << std::endl;
    return;
  }
  erase_bar();
  bar_length_ = text.size();
  out_ << text << std::flush;
}

void Progress::update(std::int64_t done,
                      const std::function<std::string(std::size_t columns)>& line) {
  if (!is_due(done)) return;
  show(line(style_ == ProgressStyle::bar ? static_cast<std::size_t>(std::max(last_column(), 1))
                                         : std::numeric_limits<std::size_t>::max()));
}

void Progress::update(std::int64_t done, std::string_view note, std::string_view head,
                      std::string_view brief_head) {
  if (!is_due(done)) return;
  ProgressPoint shown = point_;
  // The mean of the first seconds is steadier than a rate of a few points, and that of all is true
  // at the end.
  if (point_.seconds < 10.0 || done == point_.total) shown.rate = 0.0;
  std::string text = describe_progress(shown, unit_, head);
  if (!note.empty()) text += concat(", ", note);
  if (style_ == ProgressStyle::lines) return show(text);
  // A line that wraps could not be erased: in a narrow window the rate goes, then the note, then
  // the bar, and then the text is cut.
  const int columns = last_column();
  const auto fits = [&] { return static_cast<int>(text.size()) <= columns; };
  const std::string count =
      concat(with_thousands(done), '/', with_thousands(point_.total), ' ', unit_);
  if (!brief_head.empty() && !fits()) head = brief_head;
  const std::string brief = describe_progress(shown, unit_, head.empty() ? count : head);
  if (!fits()) text = note.empty() ? brief : concat(brief, ", ", note);
  if (!fits()) text = brief;
  const int width = std::min(24, columns - static_cast<int>(text.size()) - 2);
  constexpr int kNarrowest = 4;
  if (width >= kNarrowest) text = progress_bar(done, point_.total, width) + text;
  text.resize(std::min(text.size(), static_cast<std::size_t>(std::max(columns, 1))));
  show(text);
}

void Progress::line(std::string_view text) {
  if (style_ == ProgressStyle::silent) return;
  erase_bar();
  out_ << text << std::endl;
}

void Progress::erase_bar() {
  if (bar_length_ > 0) out_ << '\r' << std::string(bar_length_, ' ') << '\r';
  bar_length_ = 0;
}

}  // namespace ddim::engine
