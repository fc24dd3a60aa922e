#pragma once

#include <fmt/core.h>

#include <cstdio>

namespace ddim::cli {

/// Says on the standard error stream that an exact encoding (Codes::residual) is not exact.
inline void warn_of_residual(double residual) {
  constexpr double kFloatAccuracy = 1e-5;
  if (residual <= kFloatAccuracy) return;
  fmt::print(stderr,
             "ddim: not exact: undoing a step left an error of {:.2g} (black -1, white 1). More "
             "--steps, or --tau quadratic, make the lower steps short enough to be undone\n",
             residual);
}

}  // namespace ddim::cli
