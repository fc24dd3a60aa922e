#pragma once

#include <ddim/train.h>

#include <filesystem>
#include <string>

#include "tensor/device.h"

namespace ddim::engine::train {

/// What people call the model of a run: output.name, or else the name of the run's folder.
std::string name_of_run(const std::filesystem::path& run, const TrainConfig& config);

/// train_model() on a device of the configuration's precision.
TrainSummary run_training(const TrainOptions& options, const Device& device);

}  // namespace ddim::engine::train
