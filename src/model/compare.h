#pragma once

#include <filesystem>
#include <optional>

#include "model/model_files.h"
#include "tensor/device.h"

namespace ddim::model {

struct ModelChoice {
  std::filesystem::path path;
  std::optional<WeightSet> set = {};
};

/// How far apart two models are: the largest difference between their eps for the same noise, of
/// the size of the first one's pictures, at its t = T/2; and the largest |eps| of the first.
struct EpsDistance {
  double largest_difference = 0.0;
  double largest_eps = 0.0;
};

/// Runs the first model, then the second, never with both in memory. Errors as load_model() and
/// UNet, and Error(numeric) when an output is not finite.
EpsDistance compare_models(const ModelChoice& first, const ModelChoice& second,
                           const Device& device);

}  // namespace ddim::model
