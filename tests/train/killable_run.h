#pragma once

#include <filesystem>
#include <fstream>

#include "tests/train/tiny_run.h"

namespace ddim::train {

inline TrainConfig config_with_many_saves() {
  TrainConfig config = tiny_config();
  config.training.steps = 120;
  config.output.checkpoint_every_steps = 2;
  return config;
}

/// Trains in folder/run on folder/data; what it says goes to folder/log.txt.
inline TrainResult train_in(const std::filesystem::path& folder, const std::string& run,
                            Start start) {
  std::ofstream log(folder / "log.txt", std::ios::app);
  Progress progress(log, ProgressStyle::lines, "steps");
  return run_training(config_with_many_saves(), {.data = folder / "data", .out = folder / run},
                      make_device(BackendKind::cpu), {.start = start, .progress = &progress});
}

}  // namespace ddim::train
