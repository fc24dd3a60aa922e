#pragma once

// Made by tools/make_quality_values.py with NumPy and SciPy.

namespace ddim::engine::eval {

inline constexpr double kFrechet = 0.35109333666622;
inline constexpr double kMean0 = -0.00226328075242539;
inline constexpr double kCovariance01 = 0.311790419119948;
inline constexpr double kMmd2 = 0.200922587446406;
inline constexpr double kPrecision = 0.28;
inline constexpr double kRecall = 0.373333333333333;
inline constexpr double kShrinkage = 0.184979025171341;
inline constexpr double kShrunkCovariance00 = 0.582456499949853;
inline constexpr double kShrunkCovariance01 = 0.28702481471873;
inline constexpr double kInceptionScore = 1.7259131255751;

}  // namespace ddim::engine::eval
