#include "train/loss_history.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>

#include "base/text.h"

namespace ddim::engine::train {
namespace {

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
  if (mean.count == kMeanSteps && (lowest_mean_ == 0.0 || mean.value < lowest_mean_))
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

LossHistory::Mean LossHistory::lowest() const {
  if (lowest_mean_ > 0.0) return {.value = lowest_mean_, .count = kMeanSteps};
  Mean lowest;
  double sum = 0.0;
  std::size_t count = 0;
  for (const StepLoss& step : steps_) {
    if (step.skipped) continue;
    sum += step.loss;
    ++count;
    const Mean mean{.value = sum / static_cast<double>(count), .count = count};
    if (count >= kFewestMeanSteps && (lowest.count == 0 || mean.value < lowest.value))
      lowest = mean;
  }
  return lowest;
}

std::string LossHistory::divergence() const {
  constexpr double kFactor = 8.0;
  const Mean mean = recent_mean(), least = lowest();
  const std::size_t fewer = std::min(mean.count, least.count);
  if (fewer == 0) return "";
  // The fewer losses a mean has, the more it depends on which steps t they were of.
  const double spread = std::sqrt(static_cast<double>(kMeanSteps) / static_cast<double>(fewer));
  if (!(mean.value > kFactor * spread * least.value)) return "";
  return concat("the mean loss of the last ", mean.count, " steps is ", three_digits(mean.value),
                "; the lowest was ", three_digits(least.value));
}

}  // namespace ddim::engine::train
