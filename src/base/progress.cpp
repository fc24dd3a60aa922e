#include "base/progress.h"

#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <iomanip>
#include <ostream>
#include <sstream>
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

std::string describe_progress(const ProgressPoint& point, std::string_view unit) {
  std::ostringstream text;
  const std::int64_t total = std::max<std::int64_t>(point.total, 1);
  text << std::setw(3) << 100 * point.done / total << "%  " << point.done << '/' << point.total
       << ' ' << unit;
  const std::int64_t done_here = point.done - point.done_at_start;
  if (done_here > 0 && point.seconds > 0.0) {
    const double rate = static_cast<double>(done_here) / point.seconds;
    text << ", " << std::setprecision(3) << rate << ' ' << unit << "/s, "
         << describe_duration(static_cast<double>(point.total - point.done) / rate) << " left";
  }
  return text.str();
}

std::string progress_bar(std::int64_t done, std::int64_t total, int width) {
  const std::int64_t filled =
      std::clamp<std::int64_t>(width * done / std::max<std::int64_t>(total, 1), 0, width);
  return '[' + std::string(static_cast<std::size_t>(filled), '#') +
         std::string(static_cast<std::size_t>(width - filled), '.') + ']';
}

Progress::Progress(std::ostream& out, ProgressStyle style, std::string unit)
    : out_(out), style_(style), unit_(std::move(unit)), start_(Clock::now()), last_shown_() {}

Progress::~Progress() {
  if (bar_length_ > 0) out_ << std::endl;
}

void Progress::begin(std::int64_t done, std::int64_t total) {
  point_ = {.done = done, .total = total, .done_at_start = done, .seconds = 0.0};
  start_ = Clock::now();
  last_shown_ = start_;
}

void Progress::update(std::int64_t done, std::string_view note) {
  if (style_ == ProgressStyle::silent) return;
  const Clock::time_point now = Clock::now();
  const auto pause = style_ == ProgressStyle::bar ? std::chrono::milliseconds(100)
                                                  : std::chrono::milliseconds(30000);
  if (now - last_shown_ < pause && done != point_.total) return;
  last_shown_ = now;
  point_.done = done;
  point_.seconds = std::chrono::duration<double>(now - start_).count();
  std::string text = describe_progress(point_, unit_);
  if (!note.empty()) text += concat(", ", note);
  if (style_ == ProgressStyle::lines) {
    out_ << text << std::endl;
    return;
  }
  erase_bar();
  text = progress_bar(done, point_.total, 24) + text;
  bar_length_ = text.size();
  out_ << text << std::flush;
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
