#pragma once

#include "ddim/names.h"

namespace ddim {

/// A checkpoint of a training run has two sets of weights.
enum class WeightSet {
  ema,  ///< the moving average: what pictures are made with
  raw,  ///< the weights behind it, as trained
};

template <>
struct Names<WeightSet> {
  static constexpr Named<WeightSet> kAll[] = {{WeightSet::ema, "ema"}, {WeightSet::raw, "raw"}};
  static constexpr std::span<const Named<WeightSet>> all() { return kAll; }
};

}  // namespace ddim
