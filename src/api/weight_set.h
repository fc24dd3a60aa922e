#pragma once

#include <ddim/model.h>

#include <optional>

#include "model/model_files.h"

namespace ddim {

inline std::optional<model::WeightSet> weight_set_of(std::optional<WeightSet> set) {
  if (!set) return std::nullopt;
  return *set == WeightSet::ema ? model::WeightSet::average : model::WeightSet::trained;
}

}  // namespace ddim
