#include "train/loss_history.h"

#include <array>
#include <charconv>
#include <cmath>
#include <cstdio>
#include <sstream>
#include <string_view>

#include "base/text.h"

namespace ddim::engine::train {
namespace {

constexpr std::string_view kSkipped = "/skipped";

/// (value - mean) / standard deviation.
template <class ValueOf>
double standard_score(const std::deque<StepLoss>& steps, double value, ValueOf value_of) {
  const auto count = static_cast<double>(steps.size());
  double mean = 0.0, variance = 0.0;
  for (const StepLoss& step : steps) mean += value_of(step) / count;
  for (const StepLoss& step : steps)
    variance += (value_of(step) - mean) * (value_of(step) - mean) / count;
  const double score = (value - mean) / std::sqrt(variance);
  return std::isfinite(score) ? score : 0.0;  // all are the same, or beyond what squares can hold
}

bool take_number(std::string_view& text, double& value) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  text.remove_prefix(static_cast<std::size_t>(end - text.data()));
  return error == std::errc() && std::isfinite(value);
}

std::string three_digits(double value) {
  std::array<char, 32> text{};
  std::snprintf(text.data(), text.size(), "%.3g", value);
  return text.data();
}

}  // namespace

Deviation LossHistory::deviation_of(const StepLoss& step) const {
  if (steps_.size() < kFewestSteps) return {};
  return {.loss = standard_score(steps_, step.loss, [](const StepLoss& s) { return s.loss; }),
          .grad_norm = standard_score(steps_, step.grad_norm,
                                      [](const StepLoss& s) { return s.grad_norm; })};
}

void LossHistory::add(const StepLoss& step) {
  steps_.push_back(step);
  if (steps_.size() > kWindow) steps_.pop_front();
  const Mean mean = recent_mean();
  if (mean.count >= 2 && (lowest_mean_ == 0.0 || mean.value < lowest_mean_))
    lowest_mean_ = mean.value;
}

LossHistory::Mean LossHistory::recent_mean() const {
  Mean mean;
  for (auto step = steps_.rbegin(); step != steps_.rend() && mean.count < kMeanSteps; ++step) {
    if (step->skipped) continue;
    mean.value += step->loss;
    ++mean.count;
  }
  if (mean.count > 0) mean.value /= static_cast<double>(mean.count);
  return mean;
}

std::string LossHistory::divergence() const {
  constexpr double kFactor = 8.0;
  const Mean mean = recent_mean();
  if (lowest_mean_ == 0.0 || mean.count == 0 || !(mean.value > kFactor * lowest_mean_)) return "";
  return concat("the mean loss of the last ", mean.count, " steps is ", three_digits(mean.value),
                "; the lowest was ", three_digits(lowest_mean_));
}

std::string LossHistory::steps_text() const {
  return join(steps_, " ", [](const StepLoss& step) {
    return concat(number_text(step.loss), "/", number_text(step.grad_norm),
                  step.skipped ? kSkipped : "");
  });
}

bool LossHistory::restore(const std::string& steps, double lowest_mean) {
  LossHistory restored;
  restored.lowest_mean_ = lowest_mean;
  std::istringstream words(steps);
  for (std::string word; words >> word;) {
    std::string_view rest = word;
    StepLoss step;
    if (!take_number(rest, step.loss) || !rest.starts_with('/')) return false;
    rest.remove_prefix(1);
    if (!take_number(rest, step.grad_norm)) return false;
    step.skipped = rest == kSkipped;
    if (!rest.empty() && !step.skipped) return false;
    restored.steps_.push_back(step);
  }
  if (restored.steps_.size() > kWindow || !(lowest_mean >= 0.0)) return false;
  *this = std::move(restored);
  return true;
}

}  // namespace ddim::engine::train
