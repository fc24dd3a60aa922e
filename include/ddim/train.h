#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <stop_token>

#include "ddim/show_progress.h"

namespace ddim {

/// `fresh`: the run's folder must not exist, or be empty. `resume`: go on from the newest complete
/// checkpoint in it; a run that was stopped ends with the same bits as one that was not.
enum class Start { fresh, resume };

struct TrainOptions {
  std::filesystem::path config = {};  ///< a TOML file; see configs/
  std::filesystem::path data = {};    ///< a folder: idx files, CIFAR-10 binary, or PNG and JPEG
  std::filesystem::path out =
      {};  ///< the run's folder: configuration, checkpoints, samples, metrics
  Start start = Start::fresh;
  /// A model to go on from instead of random weights, for a fresh run: anything that Model::load()
  /// takes, of the network that the configuration names. A checkpoint of ddim train or of the DDIM
  /// paper's code brings its average, Adam's state and its number of steps.
  std::optional<std::filesystem::path> init = {};
  std::optional<std::int64_t> max_steps = {};  ///< stop when so many are done in all
  std::optional<int> threads = {};         ///< instead of the file's; no influence on the result
  std::optional<std::uint64_t> seed = {};  ///< instead of the file's
  ShowProgress show_progress = ShowProgress::no;
  std::stop_token stop = {};  ///< finishes the step under way, saves and returns
};

enum class TrainEnding {
  finished,     ///< all steps of the configuration are done
  step_limit,   ///< max_steps was reached
  interrupted,  ///< `stop` was requested
};

struct TrainSummary {
  TrainEnding ending = TrainEnding::finished;
  std::int64_t steps = 0;          ///< done in all
  std::int64_t steps_here = 0;     ///< done in this call
  std::int64_t steps_refused = 0;  ///< of `steps`: loss or gradient not finite, weights kept
  double loss = 0.0;               ///< of the last step done here
  double ms_per_image = 0.0;
  std::int64_t peak_memory_bytes = 0;     ///< of the process, so far
  std::filesystem::path checkpoint = {};  ///< complete; Model::load() takes it
};

/// Trains a network from scratch. Error(user) for a configuration, data or folder that cannot be,
/// Error(corrupt) for damaged data or checkpoints, Error(numeric) when training diverges, with the
/// checkpoints of before left as they are, Error(io) when the system refuses.
TrainSummary train_model(const TrainOptions& options);

}  // namespace ddim
