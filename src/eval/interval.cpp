#include "eval/interval.h"

#include <cmath>
#include <numbers>

namespace ddim::engine::eval {
namespace {

/// The probability that |t| <= sqrt(degrees) tan(angle) (Abramowitz and Stegun, 26.7.3 and 26.7.4).
double within(double angle, std::int64_t degrees) {
  const double sine = std::sin(angle), cosine = std::cos(angle);
  const bool is_odd = degrees % 2 == 1;
  double term = is_odd ? cosine : 1.0, sum = 0.0;
  for (std::int64_t k = is_odd ? 1 : 0; k <= degrees - 2; k += 2) {
    sum += term;
    term *= cosine * cosine * static_cast<double>(k + 1) / static_cast<double>(k + 2);
  }
  return is_odd ? 2.0 / std::numbers::pi * (angle + sine * sum) : sine * sum;
}

}  // namespace

double student_t_975(std::int64_t degrees_of_freedom) {
  const auto v = static_cast<double>(degrees_of_freedom);
  if (degrees_of_freedom <= 1000) {
    double low = 0.0, high = std::numbers::pi / 2.0;
    for (int i = 0; i < 60; ++i) {
      const double angle = (low + high) / 2.0;
      (within(angle, degrees_of_freedom) < 0.95 ? low : high) = angle;
    }
    return std::sqrt(v) * std::tan(low);
  }
  // Abramowitz and Stegun, 26.7.5.
  constexpr double z = 1.959963984540054, z2 = z * z;
  return z + z * (z2 + 1.0) / (4.0 * v) + z * ((5.0 * z2 + 16.0) * z2 + 3.0) / (96.0 * v * v) +
         z * (((3.0 * z2 + 19.0) * z2 + 17.0) * z2 - 15.0) / (384.0 * v * v * v);
}

Interval mean_interval(std::span<const double> values) {
  const auto n = static_cast<double>(values.size());
  double mean = 0.0, variance = 0.0;
  for (const double value : values) mean += value / n;
  if (values.size() < 2) return {.mean = mean, .half_width_95 = std::nan("")};
  for (const double value : values) variance += (value - mean) * (value - mean) / (n - 1.0);
  return {.mean = mean,
          .half_width_95 = student_t_975(std::ssize(values) - 1) * std::sqrt(variance / n)};
}

}  // namespace ddim::engine::eval
