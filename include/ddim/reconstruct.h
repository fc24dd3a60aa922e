#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "ddim/encode.h"
#include "ddim/export.h"

namespace ddim {

/// A measured number, and what Gaussian noise of the same size shows: expected +- standard_error.
struct CodeStatistic {
  double value = 0.0;
  double expected = 0.0;
  double standard_error = 0.0;
};

/// How Gaussian codes are, over all of their n elements. Of numbers that are all alike, kurtosis
/// and correlation are NaN; without neighbours, the correlation and its error are.
struct CodeStatistics {
  CodeStatistic mean = {};         ///< 0 +- 1/sqrt(n)
  CodeStatistic variance = {};     ///< 1 +- sqrt(2/n)
  CodeStatistic kurtosis = {};     ///< m_4 / m_2^2: 3 +- sqrt(24/n)
  CodeStatistic correlation = {};  ///< of neighbours in a row and in a column: 0 +- 1/sqrt(pairs)
};
/// Error(user) for none.
DDIM_API CodeStatistics code_statistics(const FloatImages& x_T);

/// How pictures are encoded and decoded.
struct ReconstructOptions {
  std::vector<std::int64_t> steps = {10, 20, 50, 100, 200, 500, 1000};
  EncodeOptions encode = {};  ///< with each of `steps`; errors are from the pictures as given
  Clip clip = {};             ///< of decoding
};

/// Pictures encoded and decoded with S steps each.
struct ReconstructedAt {
  std::int64_t steps = 0;            ///< S
  double mean_squared_error = 0.0;   ///< per element, black 0 and white 1: the paper's table 2
  double largest_error = 0.0;        ///< of an element, black 0 and white 1
  std::optional<double> paper = {};  ///< table 2's number for CIFAR-10 at this S
  double nfe = 0.0;                  ///< network evaluations per picture, both ways
  double residual = 0.0;             ///< see Codes
  double seconds = 0.0;
  CodeStatistics codes = {};
  FloatImages x_0 = {};  ///< the pictures that came back
};

/// Section 5.4: the table of reconstruction errors. Errors as encode() and sample().
DDIM_API std::vector<ReconstructedAt> reconstruct(const Model& model, const FloatImages& pictures,
                                                  const ReconstructOptions& options = {});

}  // namespace ddim
