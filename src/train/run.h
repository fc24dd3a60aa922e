#pragma once

#include <atomic>
#include <cstdint>
#include <filesystem>
#include <optional>

#include "base/progress.h"
#include "train/train_config.h"
#include "train/trainer.h"

namespace ddim::train {

struct TrainPaths {
  std::filesystem::path data;  ///< a folder for data::load_dataset()
  std::filesystem::path out;   ///< the run's folder
};

/// `fresh`: paths.out must not exist, or be empty. `resume`: go on from the newest complete
/// checkpoint there.
enum class Start { fresh, resume };

struct TrainOptions {
  Start start = Start::fresh;
  /// A model to go on from (see take_over()); for a fresh run, whose first checkpoint it becomes.
  std::optional<std::filesystem::path> init = {};
  std::optional<std::int64_t> max_steps = {};  ///< stop early, when the run has done so many in all
  const std::atomic<bool>* stop = nullptr;     ///< set it to stop after the step under way
  Progress* progress = nullptr;
};

enum class Ending {
  finished,     ///< all steps of the configuration are done
  step_limit,   ///< max_steps was reached
  interrupted,  ///< `stop` was set
};

struct TrainResult {
  Ending ending = Ending::finished;
  std::int64_t steps = 0;            ///< done in all
  std::int64_t steps_here = 0;       ///< done in this call
  std::int64_t refused = 0;          ///< of `steps`: not finite, without effect
  double loss = 0.0;                 ///< of the last step done here
  double ms_per_image = 0.0;         ///< of the steps done here, without samples and checkpoints
  std::filesystem::path checkpoint;  ///< of step `steps`, complete
};

/// Trains, and keeps in paths.out:
///   config.toml                  the resolved configuration
///   metrics.csv, metrics.jsonl   a line every output.log_every_steps (see MetricsLine)
///   checkpoints/                 see CheckpointStore; one at the end in any case
///   samples/step-00001000.png    a grid from the averaged weights, always from the same noise
///   .lock                        held while training (FileLock)
/// A run that is stopped and resumed ends with the same bits as one that was not. Errors: what
/// load_dataset(), Trainer, CheckpointStore and load_checkpoint() throw; Error(user) when paths.out
/// exists (fresh) or does not (resume) or another process trains there; Error(corrupt) when it
/// holds checkpoints and none is complete; Error(numeric) when training diverges, with the
/// checkpoints of before left as they are.
TrainResult run_training(const TrainConfig& config, const TrainPaths& paths, const Device& device,
                         const TrainOptions& options);

}  // namespace ddim::train
