#include "train/step_line.h"

#include <ddim/counts.h>

#include <array>
#include <cmath>
#include <cstdio>
#include <limits>
#include <numeric>
#include <vector>

#include "base/progress.h"
#include "base/text.h"

namespace ddim::engine::train {
namespace {

constexpr std::size_t kMeanSteps = 50;

template <class... Values>
std::string printed(const char* format, Values... values) {
  std::array<char, 64> text{};
  std::snprintf(text.data(), text.size(), format, shown_value(values)...);
  return text.data();
}

/// "5.0e-4": without the zero that printf puts in front of the exponent.
std::string scientific(double value) {
  std::string text = printed("%.1e", value);
  const std::size_t digits = text.find_first_of("+-", text.find('e')) + 1;
  if (text[digits] == '0') text.erase(digits, 1);
  if (text[digits - 1] == '+') text.erase(digits - 1, 1);
  return text;
}

std::string loss_text(double loss) {
  return printed(loss >= 0.01 && loss < 10.0 ? "%.3f" : "%.3g", loss);
}

std::string per_step(double seconds) {
  return seconds < 0.1 ? printed("%.3g ms/step", 1000.0 * seconds)
                       : printed("%.3g s/step", seconds);
}

}  // namespace

void RecentSteps::add(const StepReport& report) {
  const Clock::time_point now = Clock::now();
  steps_.push_back({.seconds = std::chrono::duration<double>(now - last_).count(),
                    .loss = report.loss,
                    .refused = !report.refused.empty()});
  if (steps_.size() > kMeanSteps) steps_.pop_front();
  newest_ = report;
  last_ = now;
}

TrainProgress RecentSteps::progress(std::int64_t last_step, std::int64_t pictures,
                                    std::int64_t num_images,
                                    std::optional<double> validation_loss) const {
  TrainProgress progress{
      .step = newest_.step + 1,
      .last_step = last_step,
      .epoch = static_cast<double>((newest_.step + 1) * pictures) / static_cast<double>(num_images),
      .loss = newest_.loss,
      .mean_loss = 0.0,
      .num_losses = 0,
      .validation_loss = validation_loss,
      .gradient_norm = newest_.grad_norm,
      .learning_rate = newest_.learning_rate};
  double seconds = 0.0;
  for (const Step& step : steps_) {
    seconds += step.seconds;
    if (step.refused) continue;
    progress.mean_loss += step.loss;
    ++progress.num_losses;
  }
  progress.mean_loss = progress.num_losses > 0
                           ? progress.mean_loss / static_cast<double>(progress.num_losses)
                           : std::numeric_limits<double>::quiet_NaN();
  progress.seconds_per_step = seconds / static_cast<double>(steps_.size());
  progress.seconds_left =
      progress.seconds_per_step * static_cast<double>(last_step - progress.step);
  return progress;
}

std::string step_line(const TrainProgress& progress, std::size_t columns) {
  struct Part {
    int rank;  // what is left out first has the largest
    std::string text;
  };
  std::vector<Part> parts{
      {0, concat("step ", with_thousands(progress.step), "/", with_thousands(progress.last_step))},
      {4, printed(progress.epoch < 1.0 ? ", epoch %.2g" : ", epoch %.1f", progress.epoch)},
      {1, concat(", loss ", loss_text(progress.mean_loss))},
      {6, progress.num_losses > 1 ? concat(" (mean of ", progress.num_losses, ")") : ""},
      {3,
       progress.validation_loss ? concat(", held-out ", loss_text(*progress.validation_loss)) : ""},
      {5, concat(", lr ", scientific(progress.learning_rate))},
      {7, concat(", ", per_step(progress.seconds_per_step))},
      {2, progress.step < progress.last_step
              ? concat(", ", describe_duration(progress.seconds_left), " left")
              : ""}};
  const auto length = [&] {
    return std::accumulate(
        parts.begin(), parts.end(), std::size_t{0},
        [](std::size_t sum, const Part& part) { return sum + part.text.size(); });
  };
  for (int rank = 7; rank > 0 && length() > columns; --rank)
    for (Part& part : parts)
      if (part.rank == rank) part.text.clear();
  std::string line;
  for (const Part& part : parts) line += part.text;
  return line;
}

std::string about_duration(double seconds) {
  constexpr double kMinute = 60.0, kHour = 3600.0, kDay = 24.0 * kHour, kYear = 365.25 * kDay;
  const auto count = [&](double unit, const char* name) {
    const double number = seconds / unit;
    const std::string text = number < 9.95 ? printed("%.1f", number) : printed("%.0f", number);
    const bool whole = text.ends_with(".0");
    return concat("about ", whole ? text.substr(0, text.size() - 2) : text, " ", name);
  };
  if (seconds < 90.0) return concat("about ", std::max(1.0, std::round(seconds)), " s");
  if (seconds < 90.0 * kMinute) return count(kMinute, "min");
  if (seconds < 2.0 * kDay) return count(kHour, "hours");
  if (seconds < 2.0 * kYear) return count(kDay, "days");
  return count(kYear, "years");
}

std::string estimate_line(std::int64_t steps, double seconds_per_step) {
  return concat("estimate: ", about_duration(static_cast<double>(steps) * seconds_per_step),
                " on this machine (", with_thousands(steps), steps == 1 ? " step, " : " steps, ",
                printed("%.3g", seconds_per_step), " s each)");
}

}  // namespace ddim::engine::train
