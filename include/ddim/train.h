#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "ddim/device_kind.h"
#include "ddim/export.h"
#include "ddim/overwrite.h"
#include "ddim/ranks.h"
#include "ddim/run_options.h"
#include "ddim/train_config.h"
#include "ddim/verification.h"

namespace ddim {

/// Whether a training begins or goes on.
enum class Start {
  fresh,   ///< the run's folder must not exist, or be empty but for what a run leaves that ends
           ///< before it has a configuration
  resume,  ///< go on from the newest complete checkpoint in it (or another: resume_from); a run
           ///< that was stopped ends with the same bits as one that was not
};

/// How far a training run is, after one of its steps.
struct TrainProgress {
  std::int64_t step = 0;        ///< steps done in all
  std::int64_t last_step = 0;   ///< where this call ends
  double epoch = 0.0;           ///< passes over the training pictures, in all
  double loss = 0.0;            ///< of this step
  double mean_loss = 0.0;       ///< of the last steps of this call, at most 50; NaN if all refused
  std::int64_t num_losses = 0;  ///< so many
  /// On data.validation, the last one measured here; NaN where it was not finite.
  std::optional<double> validation_loss = {};
  double gradient_norm = 0.0;     ///< of this step, before clipping
  double learning_rate = 0.0;     ///< of this step
  double seconds_per_step = 0.0;  ///< of the last steps, with all that goes with them
  double seconds_left = 0.0;
};

/// What is trained, from what, and where the run is kept.
struct TrainOptions {
  TrainConfig config = {};
  /// As DataOptions::data. A run that is resumed knows where its data are: empty takes them from
  /// there.
  std::filesystem::path data = {};
  /// The run's folder: configuration, checkpoints, samples, metrics.
  std::filesystem::path out = {};
  Start start = Start::fresh;
  /// Resume from the checkpoint of this step instead of the newest. What the run did after it is
  /// moved into a folder of its own, abandoned-1 and so on.
  std::optional<std::int64_t> resume_from = {};
  /// Other values from here on, for a run that is resumed: "training.learning_rate=1e-4". Only for
  /// keys that may change in a run: those of [output], and in [training] steps, what sets the
  /// learning rate, clip_norm, skip_spikes, weight_decay, ema_decay, ema_warmup, reduce and
  /// threads, data.skip_corrupt, and data.validation where it is no share of the training
  /// pictures.
  std::vector<std::string> overrides = {};
  /// A model to go on from instead of random weights, for a fresh run: anything that Model::load()
  /// takes, of the network that the configuration names. A checkpoint of ddim train or of the DDIM
  /// paper's code brings its average, its number of steps and Adam's state, unless this is of
  /// another loss.
  std::optional<std::filesystem::path> init = {};
  Verification verification = Verification::check;  ///< of the weights of `init`
  /// Stop at this step, of all that the weights have seen.
  std::optional<std::int64_t> max_steps = {};
  /// Where it computes. A run may go on on another: a checkpoint is good for all, but from there on
  /// the last bits of the weights are the other device's. `cuda` is for one process.
  DeviceKind device = DeviceKind::cpu;
  ShowProgress show_progress = ShowProgress::no;
  std::function<void(const TrainProgress&)> progress = {};  ///< after each step
  /// Finishes the step under way, saves and returns; with several ranks it is asked of any.
  std::stop_token stop = {};
  /// Trains together with these. Rank 0 has all other options; the others take `stop` and
  /// `show_progress`, and `out` and `data` need not exist where they run, as long as the pictures
  /// are at the path that rank 0 has. With training.reduce = "exact", the default, the result is
  /// the same bit for bit for every number of ranks.
  Ranks ranks = {};
};

/// Why a training ended.
enum class TrainEnding {
  finished,     ///< all steps of the configuration are done
  step_limit,   ///< max_steps was reached
  interrupted,  ///< a stop was requested
};

template <>
struct Names<TrainEnding> {
  static constexpr Named<TrainEnding> kAll[] = {{TrainEnding::finished, "finished"},
                                                {TrainEnding::step_limit, "step limit reached"},
                                                {TrainEnding::interrupted, "interrupted"}};
  static constexpr std::span<const Named<TrainEnding>> all() { return kAll; }
};

/// How a training ended.
struct TrainSummary {
  TrainEnding ending = TrainEnding::finished;
  std::int64_t steps = 0;       ///< done in all
  std::int64_t steps_here = 0;  ///< done in this call
  /// Of `steps`: loss or gradient not finite, or a spike (training.skip_spikes); weights kept.
  std::int64_t steps_refused = 0;
  double loss = 0.0;                   ///< of the last step done here; 0 without one
  double ms_per_image = 0.0;           ///< of the steps done here, without samples and checkpoints
  std::int64_t peak_memory_bytes = 0;  ///< of the process, so far
  std::filesystem::path checkpoint = {};  ///< complete; Model::load() takes it
  /// A line for each file of the data that was left out as it cannot be read.
  std::vector<std::string> skipped_files = {};
};

/// Trains a network from scratch, and keeps in options.out:
///   config.toml                  the resolved configuration, with all overrides
///   config.toml.sha256           its digest
///   overrides.csv                step, key, value before and after of each change in force
///                                which has a part in the result
///   abandoned-1/ ...             what was done after a step that was resumed from
///   machine.txt                  the device and its instruction set, of the last session
///   data.txt                     where the training pictures are
///   classes.csv                  number, name and pictures of each class, where they have names
///   metrics.csv, metrics.jsonl   a line every output.log_every_steps
///   loss.svg                     plot_run(), drawn with each checkpoint
///   tensorboard/                 the same numbers for TensorBoard, with output.tensorboard
///   checkpoints/                 the newest output.keep_checkpoints, one at the end in any case,
///                                the last healthy one, and the last that another healthy one
///                                followed
///   samples/step-00001000.png    a grid from the averaged weights, always from the same noise
///   .lock                        held while training
/// Error(user) for a configuration, data or folder that cannot be, or when another process trains
/// there; Error(corrupt) for damaged data or checkpoints; Error(numeric) when training diverges,
/// with the checkpoints of before left as they are; Error(io) when the system refuses, except for
/// loss.svg, tensorboard/, samples/ and what evaluate_every_steps measures: these are warnings.
/// What ends a training between two steps, be it an exception of `progress`, is thrown after a last
/// save, if that is possible. A stop does not wait for samples and measurements: the resumed run
/// begins with them.
DDIM_API TrainSummary train_model(const TrainOptions& options);

/// The configuration that the run in this folder goes on with: its config.toml. Error(user) when
/// the folder is not that of a training run, Error(corrupt) when it is not the text that the run
/// wrote.
DDIM_API TrainConfig config_of_run(const std::filesystem::path& run);

/// The curves of a run as an SVG picture: loss, loss on data.validation, norm of the gradient,
/// learning rate, and quality where it was measured, over the steps, from its metrics.csv.
/// The name is that of its config.toml or, where this was edited, of its newest checkpoint.
/// Error(user) when the folder is not that of a training run, or has no metrics yet.
DDIM_API std::string plot_run(const std::filesystem::path& run);

/// The same into a file, which is complete, or as it was. Error(user) where it exists and may not
/// be replaced, Error(io) when the system refuses.
DDIM_API void plot_run_to_file(const std::filesystem::path& run, const std::filesystem::path& file,
                               Overwrite overwrite = Overwrite::refuse);

}  // namespace ddim
