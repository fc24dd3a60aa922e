#pragma once

#include <string>

#include "model/model_files.h"

namespace ddim::engine::model {

/// README.md of a diffusers folder made from `files`: what the hub shows and its search reads, the
/// network, the forward process, where the weights come from and how to draw with them.
std::string model_card(const ModelFiles& files, std::optional<WeightSet> set);

}  // namespace ddim::engine::model
