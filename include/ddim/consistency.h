#pragma once

#include <cstdint>
#include <stop_token>
#include <vector>

#include "ddim/plan.h"
#include "ddim/sample.h"

namespace ddim {

struct ConsistencyOptions {
  std::vector<std::int64_t> steps = {10, 20, 50, 100, 200, 500};
  std::int64_t reference_steps = 1000;  ///< what the others are compared with
  TauKind tau = TauKind::linear;
  Clip clip = Clip::none;
  std::int64_t count = 8;
  std::uint64_t seed = 0;
  ClassChoice class_choice = {};  ///< of a model with classes
  std::int64_t batch = 16;
  int threads = 0;
  ShowProgress show_progress = ShowProgress::no;
  std::stop_token stop = {};
};

/// The same noise drawn with S steps.
struct ConsistencyAt {
  std::int64_t steps = 0;
  std::int64_t nfe = 0;
  /// Root of the mean squared difference from the reference per element, black 0 and white 1; the
  /// mean over pictures, and half the width of its 95 % interval.
  double distance = 0.0;
  double half_width_95 = 0.0;
  FloatImages x_0 = {};
};

/// Figure 5: whether pictures from the same noise stay the same for any number of steps. One entry
/// for each of options.steps and, last, the reference with distance 0. Errors as sample().
std::vector<ConsistencyAt> consistency(const Model& model, const ConsistencyOptions& options = {});

}  // namespace ddim
