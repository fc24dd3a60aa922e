#pragma once

#include <filesystem>
#include <string>

#include "model/checkpoint_health.h"
#include "train/loss_history.h"

namespace ddim::engine::train {

/// What a checkpoint says of its state in health.json, beside the numbers that training needs.
struct Health {
  std::string problem = {};  ///< TrainingState::problem(); empty for a healthy state
  LossHistory losses = {};
};

using model::kHealthFile;

std::string to_json(const Health& health);

/// That of a checkpoint; of one of an earlier version, which has no such file, a healthy one
/// without losses. Error(corrupt) naming the file when it does not hold what it should, Error(io)
/// when it cannot be read.
Health read_health(const std::filesystem::path& checkpoint);

}  // namespace ddim::engine::train
