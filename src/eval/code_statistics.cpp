#include "eval/code_statistics.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <span>

#include "base/error.h"
#include "run/run_images.h"

namespace ddim::engine::eval {
namespace {

constexpr double kUndefined = std::numeric_limits<double>::quiet_NaN();

struct Moments {
  double mean = 0.0, variance = 0.0, fourth = 0.0;
};

Moments moments_of(std::span<const float> values) {
  const auto n = static_cast<double>(values.size());
  const auto [least, greatest] = std::ranges::minmax(values);
  if (least == greatest) return {.mean = least};  // sums round
  Moments moments;
  for (const float value : values) moments.mean += value / n;
  for (const float value : values) {
    const double square = (value - moments.mean) * (value - moments.mean);
    moments.variance += square / n;
    moments.fourth += square * square / n;
  }
  return moments;
}

/// Of all pairs of neighbours, in rows and in columns.
CodeStatistic neighbour_correlation(const FloatImages& codes, const Moments& moments) {
  const auto& [channels, height, width] = codes.shape;
  double sum = 0.0;
  std::int64_t num_pairs = 0;
  const auto add_pair = [&](std::int64_t i, std::int64_t j) {
    sum += (codes.values[static_cast<std::size_t>(i)] - moments.mean) *
           (codes.values[static_cast<std::size_t>(j)] - moments.mean);
    ++num_pairs;
  };
  for (std::int64_t i = 0; i < std::ssize(codes.values); ++i) {
    const std::int64_t column = i / channels % width;
    const std::int64_t row = i / (channels * width) % height;
    if (column + 1 < width) add_pair(i, i + channels);
    if (row + 1 < height) add_pair(i, i + channels * width);
  }
  if (num_pairs == 0) return {.value = kUndefined, .standard_error = kUndefined};
  const auto n = static_cast<double>(num_pairs);
  return {.value = moments.variance > 0.0 ? sum / n / moments.variance : kUndefined,
          .standard_error = 1.0 / std::sqrt(n)};
}

}  // namespace

CodeStatistics code_statistics(const FloatImages& codes) {
  run::check_values(codes, "code_statistics");
  require(!codes.values.empty(), "code_statistics: no codes");
  const auto n = static_cast<double>(codes.values.size());
  const Moments moments = moments_of(codes.values);
  const double square = moments.variance * moments.variance;
  return {
      .mean = {moments.mean, 0.0, 1.0 / std::sqrt(n)},
      .variance = {moments.variance, 1.0, std::sqrt(2.0 / n)},
      .kurtosis = {square > 0.0 ? moments.fourth / square : kUndefined, 3.0, std::sqrt(24.0 / n)},
      .correlation = neighbour_correlation(codes, moments)};
}

}  // namespace ddim::engine::eval
