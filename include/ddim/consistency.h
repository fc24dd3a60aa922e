#pragma once

#include <cstdint>
#include <vector>

#include "ddim/export.h"
#include "ddim/sample.h"

namespace ddim {

/// What is drawn to be compared.
struct ConsistencyOptions {
  std::vector<std::int64_t> steps = {10, 20, 50, 100, 200, 500};
  std::int64_t reference_steps = 1000;  ///< what the others are compared with
  SampleOptions sample = {.count = 8};  ///< with each number of steps
};

/// The same noise drawn with S steps.
struct ConsistencyAt {
  std::int64_t steps = 0;
  std::int64_t nfe = 0;
  /// Root of the mean squared difference from the reference per element, black 0 and white 1: the
  /// mean over pictures, and half the width of its 95 % interval, NaN for a single picture.
  double distance = 0.0;
  double half_width_95 = 0.0;
  FloatImages x_0 = {};
};

/// Figure 5: whether pictures from the same noise stay the same for any number of steps. One entry
/// for each of options.steps and, last, the reference with distance 0. Errors as sample().
DDIM_API std::vector<ConsistencyAt> consistency(const Model& model,
                                                const ConsistencyOptions& options = {});

}  // namespace ddim
