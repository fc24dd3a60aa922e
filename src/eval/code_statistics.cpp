#include "eval/code_statistics.h"

#include <cmath>

#include "base/error.h"

namespace ddim::eval {
namespace {

struct Moments {
  double mean = 0.0, variance = 0.0, fourth = 0.0;
};

Moments moments_of(std::span<const float> values) {
  const auto n = static_cast<double>(values.size());
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
Statistic neighbour_correlation(std::span<const float> codes, std::int64_t height,
                                std::int64_t width, const Moments& moments) {
  double sum = 0.0;
  std::int64_t num_pairs = 0;
  const auto add_pair = [&](std::int64_t i, std::int64_t j) {
    sum += (codes[static_cast<std::size_t>(i)] - moments.mean) *
           (codes[static_cast<std::size_t>(j)] - moments.mean);
    ++num_pairs;
  };
  for (std::int64_t row = 0; row < std::ssize(codes) / width; ++row) {
    for (std::int64_t column = 0; column < width; ++column) {
      const std::int64_t i = row * width + column;
      if (column + 1 < width) add_pair(i, i + 1);
      if (row % height + 1 < height) add_pair(i, i + width);
    }
  }
  if (num_pairs == 0) return {};
  const auto n = static_cast<double>(num_pairs);
  return {
      .value = sum / n / moments.variance, .expected = 0.0, .standard_error = 1.0 / std::sqrt(n)};
}

}  // namespace

CodeStatistics code_statistics(std::span<const float> codes, std::int64_t height,
                               std::int64_t width) {
  require(!codes.empty() && height > 0 && width > 0 && std::ssize(codes) % (height * width) == 0,
          "code_statistics: ", codes.size(), " numbers are no images of ", height, "x", width);
  const auto n = static_cast<double>(codes.size());
  const Moments moments = moments_of(codes);
  require(moments.variance > 0.0, "code_statistics: all numbers are the same");
  return {.mean = {moments.mean, 0.0, 1.0 / std::sqrt(n)},
          .variance = {moments.variance, 1.0, std::sqrt(2.0 / n)},
          .kurtosis = {moments.fourth / (moments.variance * moments.variance), 3.0,
                       std::sqrt(24.0 / n)},
          .correlation = neighbour_correlation(codes, height, width, moments)};
}

}  // namespace ddim::eval
