#include "train/run.h"

#include <algorithm>
#include <chrono>
#include <iostream>
#include <limits>
#include <utility>

#include "base/error.h"
#include "base/file_lock.h"
#include "base/file_output.h"
#include "base/peak_memory.h"
#include "base/progress.h"
#include "data/class_list.h"
#include "data/dataset.h"
#include "run/reporter.h"
#include "train/checkpoint.h"
#include "train/exchange.h"
#include "train/metrics.h"
#include "train/sample_grid.h"
#include "train/train_config.h"
#include "train/trainer.h"

namespace ddim::engine::train {
namespace {

namespace fs = std::filesystem;
using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

void prepare_folder(const fs::path& folder, Start start) {
  if (start == Start::resume) {
    require(fs::is_directory(folder), "train: there is no run to resume in ", folder.string());
    return;
  }
  require(!fs::exists(folder) || (fs::is_directory(folder) && fs::is_empty(folder)),
          "train: ", folder.string(), " exists; resume it with --resume or choose another folder");
  std::error_code error;
  fs::create_directories(folder, error);
  if (error) fail(ErrorCode::io, "train: ", folder.string(), ": ", error.message());
}

/// Sums up the steps between two lines of the log.
class LogInterval {
 public:
  void add(const StepReport& report, double seconds) {
    if (report.refused.empty()) {
      loss_sum_ += report.loss;
      ++num_losses_;
    }
    ++num_steps_;
    seconds_ += seconds;
  }
  MetricsLine line(const StepReport& report, const TrainingState& state, std::int64_t batch,
                   double total_seconds) const {
    const double nan = std::numeric_limits<double>::quiet_NaN();
    return {.step = state.step,
            .images = state.step * batch,
            .loss = num_losses_ > 0 ? loss_sum_ / static_cast<double>(num_losses_) : nan,
            .grad_norm = report.grad_norm,
            .learning_rate = report.learning_rate,
            .images_per_second = static_cast<double>(num_steps_ * batch) / seconds_,
            .seconds = total_seconds,
            .skipped = state.step - state.updates};
  }

 private:
  double loss_sum_ = 0.0;
  std::int64_t num_losses_ = 0;
  std::int64_t num_steps_ = 0;
  double seconds_ = 0.0;
};

TrainSummary train(const TrainOptions& options, const Device& device) {
  const TrainConfig& config = options.config;
  validate(config);
  Progress progress(std::clog, run::style_of(options.show_progress), "steps");

  const data::Dataset dataset = data::load_dataset(
      options.data,
      {.split = config.data.split,
       .fit = config.data.fit,
       .height = config.model.height(),
       .width = config.model.width(),
       .channels = config.model.in_channels,
       .skip_corrupt = config.data.skip_corrupt,
       .background = config.data.background,
       .labels = config.model.class_embed_type == ClassEmbedType::none ? data::Labels::ignore
                                                                       : data::Labels::read});
  for (const std::string& notice : dataset.report.notices) progress.line("data: " + notice);
  for (const std::string& skipped : dataset.report.skipped)
    progress.line("data: skipped: " + skipped);
  progress.line(concat("data: ", dataset.images.count, " images of ", dataset.images.height, "x",
                       dataset.images.width, "x", dataset.images.channels, " (", dataset.kind,
                       ") from ", options.data.string()));
  const std::vector<DataClass>& classes = dataset.report.classes;
  for (std::size_t k = 0; k < classes.size(); ++k)
    progress.line(concat("data: class ", k, ": ", classes[k].name, ", ", classes[k].images,
                         classes[k].images == 1 ? " image" : " images"));
  const std::uint32_t fingerprint = data::fingerprint(dataset);
  Trainer trainer(config, device, dataset);
  TrainingState& state = trainer.state();

  require(!options.init || options.start == Start::fresh,
          "train: a resumed run continues from its own checkpoint, not from another model");
  if (options.init) {
    const model::ModelFiles files = open_checkpoint(
        *options.init, {.height = config.model.height(), .width = config.model.width()});
    for (const std::string& line : take_over(files, config, state)) progress.line("init: " + line);
    progress.line(concat("init: from ", options.init->string(), " (", files.kind, "), ", state.step,
                         " steps done"));
  }
  prepare_folder(options.out, options.start);
  const FileLock lock(options.out);
  CheckpointStore checkpoints(options.out / "checkpoints");
  if (options.init) checkpoints.save(state, config, fingerprint);  // what a resumed run begins with
  if (options.start == Start::resume) {
    const CheckpointStore::Newest newest = checkpoints.find_newest();
    for (const std::string& skipped : newest.skipped) progress.line("resume: " + skipped);
    if (newest.folder) {
      load_checkpoint(*newest.folder, config, fingerprint, state);
      progress.line("resume: from " + newest.folder->string());
    } else if (!newest.skipped.empty()) {
      fail(ErrorCode::corrupt, "train: no checkpoint in ", options.out.string(),
           " is complete; the newest: ", newest.skipped.front());
    } else {
      progress.line("resume: no checkpoint yet; starting from the beginning");
    }
  }
  write_file_durably(options.out / "config.toml", to_toml(config), Overwrite::allow);
  if (!classes.empty())
    write_file_durably(options.out / "classes.csv", data::class_table(classes), Overwrite::allow);
  MetricsLog metrics(options.out, state.step);

  const OptimisationConfig& training = config.training;
  const OutputConfig& output = config.output;
  const std::int64_t last_step =
      std::min(training.steps, options.max_steps.value_or(training.steps));
  TrainSummary result{.skipped_files = dataset.report.skipped};
  double seconds_here = 0.0;
  LogInterval interval;
  const auto save = [&] {
    result.checkpoint = checkpoints.save(state, config, fingerprint);
    checkpoints.remove_old(output.keep_checkpoints);
    progress.line("saved " + result.checkpoint.string());
  };

  progress.begin(state.step, last_step);
  while (state.step < last_step && !options.stop.stop_requested()) {
    const Clock::time_point start = Clock::now();
    const StepReport report = trainer.step();
    const double seconds = seconds_since(start);
    seconds_here += seconds;
    ++result.steps_here;
    result.loss = report.loss;
    interval.add(report, seconds);
    if (!report.refused.empty()) progress.line("refused " + report.refused);
    if (state.step % output.log_every_steps == 0) {
      metrics.write(
          interval.line(report, state, training.batch, metrics.seconds_before() + seconds_here));
      interval = {};
    }
    if (output.sample_every_steps > 0 && state.step % output.sample_every_steps == 0)
      write_sample_grid(options.out / "samples", config, trainer.num_workers(), state);
    if (state.step % output.checkpoint_every_steps == 0) save();
    progress.update(state.step, concat("loss ", report.loss));
    if (options.progress)
      options.progress({.step = state.step, .last_step = last_step, .loss = report.loss});
  }
  // After the last step of the configuration, and whenever there is something unsaved.
  if (result.checkpoint.empty() || state.step % output.checkpoint_every_steps != 0) save();

  result.ending = state.step >= training.steps ? TrainEnding::finished
                  : state.step >= last_step    ? TrainEnding::step_limit
                                               : TrainEnding::interrupted;
  result.steps = state.step;
  result.steps_refused = state.step - state.updates;
  if (result.steps_here > 0)
    result.ms_per_image =
        1000.0 * seconds_here / static_cast<double>(result.steps_here * training.batch);
  result.peak_memory_bytes = peak_memory_bytes();
  return result;
}

}  // namespace

TrainSummary run_training(const TrainOptions& options, const Device& device) {
  try {
    return train(options, device);
  } catch (const fs::filesystem_error& error) {
    fail(ErrorCode::io, "train: ", error.what());
  }
}

}  // namespace ddim::engine::train
