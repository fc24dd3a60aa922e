#pragma once

#include <cstdint>
#include <span>

namespace ddim::eval {

/// A number measured, and what Gaussian noise of the same size shows: expected +- standard_error.
struct Statistic {
  double value = 0.0;
  double expected = 0.0;
  double standard_error = 0.0;
};

/// How Gaussian encoded images are.
struct CodeStatistics {
  Statistic mean;         ///< 0 +- 1/sqrt(n)
  Statistic variance;     ///< 1 +- sqrt(2/n)
  Statistic kurtosis;     ///< m_4 / m_2^2: 3 +- sqrt(24/n)
  Statistic correlation;  ///< of neighbours in a row and in a column: 0 +- 1/sqrt(pairs)
};

/// Over all elements of codes [count,C,height,width] together. Error(user) for none, and for codes
/// that are all the same number.
CodeStatistics code_statistics(std::span<const float> codes, std::int64_t height,
                               std::int64_t width);

}  // namespace ddim::eval
