#pragma once

#include <ddim/run_options.h>
#include <ddim/train.h>

#include <filesystem>
#include <functional>
#include <optional>
#include <string>

#include "run/network.h"
#include "tensor/device.h"
#include "train/held_out.h"

namespace ddim::engine::train {

/// What people call the model of a run: output.name, or else the name of the run's folder.
std::string name_of_run(const std::filesystem::path& run, const TrainConfig& config);

/// What output.evaluate_every_steps measures, where there is something to measure it on.
struct MeasuredQuality {
  std::optional<double> eps_error = {};
  std::optional<double> kernel_distance = {};
};
/// Measures it, on the averaged weights.
using MeasureQuality =
    std::function<MeasuredQuality(const run::TrainedNetwork& averaged, const TrainConfig& config,
                                  const TrainingData& data, const RunOptions& run)>;

/// train_model() on a device of the configuration's precision. `measure` is called where the
/// configuration asks for it.
TrainSummary run_training(const TrainOptions& options, const Device& device,
                          const MeasureQuality& measure = {});

}  // namespace ddim::engine::train
