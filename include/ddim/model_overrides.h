#pragma once

#include <cstdint>
#include <optional>

#include "ddim/forward_process.h"

namespace ddim {

/// What to take in place of what a model's files say, or where they say nothing.
struct ModelOverrides {
  std::optional<std::int64_t> height = {}, width = {};  ///< of its pictures
  std::optional<BetaKind> schedule = {};                ///< all but BetaKind::list
  std::optional<double> beta_start = {}, beta_end = {};
  std::optional<std::int64_t> T = {};
  std::optional<Prediction> prediction = {};

  friend bool operator==(const ModelOverrides&, const ModelOverrides&) = default;
};

}  // namespace ddim
