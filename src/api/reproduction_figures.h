#pragma once

#include <ddim/reproduce.h>

#include <string>

namespace ddim::reproduction {

// What is shown of cells.
inline constexpr const char* kFrechet = "frechet_distance";
inline constexpr const char* kSquaredError = "mean_squared_error";

/// A figure that is compared with another, or the difference of two: its value and half of its
/// interval; NaN where there is none.
struct Figure {
  double value = 0.0;
  double half_width = 0.0;
};

/// What was found in a cell under a name, or NaN.
double value_of(const ReproducedCell& cell, const std::string& key);
Figure figure_of(const ReproducedCell& cell, const std::string& measure);

/// As printf() has it.
std::string formatted(const char* format, double value);
/// A figure and its interval, with as many decimals as the interval deserves: "12.31 \u00b1 0.42";
/// the figure alone where it has none.
std::string with_interval(const Figure& figure);

}  // namespace ddim::reproduction
