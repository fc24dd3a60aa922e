#pragma once

#include <fcntl.h>
#include <unistd.h>

#include <filesystem>

#include "tests/train/tiny_run.h"

namespace ddim::engine::train {

inline TrainConfig config_with_many_saves() {
  TrainConfig config = tiny_config();
  config.training.steps = 120;
  config.output.checkpoint_every_steps = 2;
  return config;
}

/// Trains in folder/run on folder/data; what it says goes to folder/log.txt.
inline TrainSummary train_in(const std::filesystem::path& folder, const std::string& run,
                             Start start) {
  const int log = ::open((folder / "log.txt").c_str(), O_WRONLY | O_APPEND | O_CREAT, 0600);
  const int before = ::dup(STDERR_FILENO);
  ::dup2(log, STDERR_FILENO);
  ::close(log);
  const TrainSummary summary = run_training({.config = config_with_many_saves(),
                                             .data = folder / "data",
                                             .out = folder / run,
                                             .start = start,
                                             .show_progress = ShowProgress::on_stderr},
                                            make_device(DeviceKind::cpu));
  ::dup2(before, STDERR_FILENO);
  ::close(before);
  return summary;
}

}  // namespace ddim::engine::train
