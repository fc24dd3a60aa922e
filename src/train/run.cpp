#include "train/run.h"

#include <ddim/counts.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <exception>
#include <iostream>
#include <limits>
#include <memory>
#include <new>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/elapsed.h"
#include "base/error.h"
#include "base/file_input.h"
#include "base/file_lock.h"
#include "base/file_output.h"
#include "base/peak_memory.h"
#include "base/progress.h"
#include "comm/communicator.h"
#include "data/class_list.h"
#include "data/dataset.h"
#include "model/overrides.h"
#include "model/run_folder.h"
#include "run/reporter.h"
#include "train/checkpoint.h"
#include "train/checkpoint_writer.h"
#include "train/config_changes.h"
#include "train/config_digest.h"
#include "train/exchange.h"
#include "train/follow.h"
#include "train/held_out.h"
#include "train/loss_plot.h"
#include "train/metrics.h"
#include "train/orders.h"
#include "train/rules.h"
#include "train/run_files.h"
#include "train/sample_grid.h"
#include "train/step_line.h"
#include "train/tensorboard.h"
#include "train/train_config.h"
#include "train/trainer.h"

namespace ddim::engine::train {
namespace {

namespace fs = std::filesystem;
using Clock = std::chrono::steady_clock;

std::vector<std::int64_t> images_of(const std::vector<DataClass>& classes) {
  std::vector<std::int64_t> images;
  for (const DataClass& each : classes) images.push_back(each.images);
  return images;
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
  MetricsLine line(const StepReport& report, const TrainingState& state, std::int64_t pictures,
                   double total_seconds) const {
    const double nan = std::numeric_limits<double>::quiet_NaN();
    return {.step = state.step,
            .images = state.step * pictures,
            .loss = num_losses_ > 0 ? loss_sum_ / static_cast<double>(num_losses_) : nan,
            .grad_norm = report.grad_norm,
            .learning_rate = report.learning_rate,
            .images_per_second = static_cast<double>(num_steps_ * pictures) / seconds_,
            .seconds = total_seconds,
            .skipped = state.step - state.updates};
  }

 private:
  double loss_sum_ = 0.0;
  std::int64_t num_losses_ = 0;
  std::int64_t num_steps_ = 0;
  double seconds_ = 0.0;
};

/// What to add to a sentence on a checkpoint that is not healthy.
std::string trusted_text(const std::optional<fs::path>& trusted) {
  if (!trusted) return "";
  const std::string name = trusted->filename().string();
  return concat("; the last that is to be trusted, ", name, ", is kept");
}

/// Checkpoints are to hold them.
void require_utf8(const io::ModelNames& names) {
  require(is_utf8(names.model), "train: the model's name, \"", names.model,
          "\", is not UTF-8; give another with --name");
  for (const std::string& name : names.classes)
    require(is_utf8(name), "data: the name of class \"", name,
            "\" is not UTF-8; rename the folder, or save labels.csv as UTF-8");
}

std::string quality_text(const MeasuredQuality& quality) {
  std::vector<std::string> parts;
  if (quality.eps_error) parts.push_back(concat("eps error ", *quality.eps_error));
  if (quality.kernel_distance)
    parts.push_back(concat("kernel distance ", *quality.kernel_distance));
  return parts.empty() ? "too few pictures to measure anything on" : join(parts, ", ");
}

bool has_quality(const MetricsLine& line) { return line.eps_error || line.kernel_distance; }

/// The line without what has been written of it.
MetricsLine quality_alone(MetricsLine line) {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  line.validation_loss.reset();
  line.loss = line.grad_norm = line.learning_rate = line.images_per_second = nan;
  return line;
}

/// What people call a run stays where another configuration says nothing of it.
TrainConfig with_name_of(const TrainConfig& before, const TrainOptions& options,
                         TrainConfig config) {
  const bool is_told = std::ranges::count(options.overrides, "output.name", key_of_override) > 0;
  if (config.output.name.empty() && !is_told) config.output.name = before.output.name;
  return config;
}

/// The configuration with the path of data.validation as it is seen from everywhere.
TrainConfig with_absolute_paths(TrainConfig config) {
  std::string& source = config.data.validation.source;
  if (!source.empty() && !value_named<DataSplit>(source)) source = fs::absolute(source).string();
  return config;
}

/// A run that is resumed without a checkpoint begins again: its record must be that of steps before
/// the first one, with the `output` that it had.
void require_no_checkpoint_missing(const fs::path& run, const OutputConfig& output) {
  std::int64_t last_step = 0;
  MetricsReader(run).read_on([&](const MetricsLine& line) { last_step = line.step; });
  // The first is complete before the second is begun, which is after the line of its step.
  require(last_step <= 2 * output.checkpoint_every_steps, "train: ", run.string(),
          " has metrics up to step ", last_step,
          ", but no checkpoint; put its checkpoints back, or start a new run in another folder");
}

/// The checkpoint that a run goes on from, none for one that has none yet, and newer ones that are
/// damaged. `before` is what it was told in its last session.
CheckpointStore::Newest resume_point(const TrainOptions& options, const TrainConfig& before,
                                     CheckpointStore& checkpoints, Progress& progress) {
  if (options.resume_from) return {.folder = checkpoints.find(*options.resume_from)};
  CheckpointStore::Newest newest = checkpoints.find_newest();
  for (const std::string& skipped : newest.skipped) progress.line("resume: " + skipped);
  if (!newest.folder && !newest.skipped.empty())
    fail(ErrorCode::corrupt, "train: no checkpoint in ", options.out.string(),
         " is complete; the newest: ", newest.skipped.front());
  if (!newest.folder) {
    require_no_checkpoint_missing(options.out, before.output);
    progress.line("resume: no checkpoint yet; starting from the beginning");
    return newest;
  }
  if (const std::string problem = read_health(*newest.folder).problem; !problem.empty())
    progress.line(concat("resume: ", newest.folder->filename().string(),
                         " is not healthy: ", problem, trusted_text(checkpoints.last_trusted())));
  return newest;
}

/// Without any part in the result: config.toml alone keeps it.
void tell_of_other_held_out(const TrainConfig& before, const TrainConfig& now, Progress& progress) {
  constexpr const char* kKey = "data.validation";
  const std::string then = value_of_key(before, kKey), here = value_of_key(now, kKey);
  if (then != here) progress.line(concat("resume: ", kKey, " is ", here, ", was ", then));
}

/// A checkpoint keeps the name that it was written with.
void tell_of_other_name(const fs::path& run, const TrainConfig& before, const TrainConfig& now,
                        Progress& progress) {
  const std::string then = name_of_run(run, before), here = name_of_run(run, now);
  if (then != here)
    progress.line(concat("resume: the model is called \"", here,
                         "\" in checkpoints from the next one on, was \"", then, "\""));
}

/// Takes over the model that a run begins from, and says what becomes of it.
void begin_from_model(const TrainOptions& options, const TrainConfig& config,
                      std::int64_t last_step, const std::vector<std::string>& classes,
                      TrainingState& state, Progress& progress) {
  const std::string name = options.init->string();
  const ModelOverrides size{.height = config.model.height(), .width = config.model.width()};
  const model::ModelFiles files = open_checkpoint(*options.init, size, config.diffusion);
  for (const std::string& note : files.notes)
    if (note != model::notes_on(size).front()) progress.line("init: " + note);
  for (const std::string& line : take_over(files, config, state, options.verification))
    progress.line("init: " + line);
  if (config.model.class_embed_type != ClassEmbedType::none)
    if (const std::string renamed = renamed_classes(files.names.classes, classes); !renamed.empty())
      progress.line("init: " + renamed);
  progress.line(concat("init: from ", name, " (", files.kind, "), ", state.step, " steps done"));
  require(state.step < last_step, "train: ", name, " has done ", state.step, " steps, and ",
          last_step < config.training.steps ? "--max-steps" : "training.steps", " is ", last_step,
          ": there is nothing to do; set it to more, the steps of ",
          options.init->filename().string(), " included");
}

TrainSummary train(const TrainOptions& options, const Device& device,
                   const std::shared_ptr<comm::Communicator>& ranks,
                   const MeasureQuality& measure) {
  require(options.start == Start::resume || (!options.resume_from && options.overrides.empty()),
          "train: a step to resume from and overrides are for a run that is resumed");
  Progress progress(std::clog, run::style_of(options.show_progress), "steps");

  require(!options.init || options.start == Start::fresh,
          "train: a resumed run continues from its own checkpoint, not from another model");
  require_folder_for(options.out, options.start);
  const std::optional<TrainConfig> written =
      options.start == Start::resume ? written_config_of_run(options.out) : std::nullopt;
  const TrainConfig config =
      with_name_of(written.value_or(options.config), options,
                   with_absolute_paths(with_overrides(options.config, options.overrides)));
  const fs::path data_path = data_folder(options);
  share_request(*ranks, {.config = config, .data = data_path});
  for (const std::string& key : without_effect(config)) progress.line("config: " + key);
  const TrainingData loaded = load_training_data(data_path, config);
  const auto& [dataset, held_out] = loaded;
  for (const std::string& line : lines_on(loaded, data_path, config)) progress.line(line);
  const std::vector<DataClass>& classes = dataset.report.classes;
  const std::uint32_t fingerprint = data::fingerprint(dataset);
  if (options.start == Start::fresh)
    require_outside_pictures(options.out, data_path, config, loaded);
  require_same_everywhere(*ranks, device, loaded);
  Trainer trainer(config, device, dataset, ranks);
  if (held_out) trainer.check_suits(*held_out, "data.validation");
  TrainingState& state = trainer.state();

  const std::int64_t last_step =
      std::min(config.training.steps, options.max_steps.value_or(config.training.steps));
  if (options.init)
    begin_from_model(options, config, last_step, data::class_names_of(classes), state, progress);
  make_folders(options.out);
  const FileLock lock(options.out);
  if (!lock.is_held())
    progress.line(concat("note: the file system of ", options.out.string(),
                         " has no locks: see that no other process trains in this folder"));
  if (options.start == Start::fresh) require_folder_for(options.out, options.start);
  remove_leftovers_of_run(options.out);
  CheckpointStore checkpoints(options.out / model::kCheckpointsFolder);
  const io::ModelNames names{.model = name_of_run(options.out, config),
                             .classes = data::class_names_of(classes),
                             .class_images = images_of(classes)};
  require_utf8(names);
  if (options.start == Start::fresh) write_run_files(options, data_path, classes, device);
  // What a resumed run begins with, also where the run has no configuration yet.
  if (options.init) checkpoints.save(state, config, fingerprint, names);
  std::vector<ConfigChange> changes;
  std::optional<MetricsLog> metrics;
  if (options.start == Start::resume) {
    AcceptedChanges accepted;
    accept(read_changes(options.out), accepted);
    if (written) accept_all(*written, accepted);  // what it was ended with is what it was told
    accept_named(options.overrides, config, accepted);
    const TrainConfig before = written.value_or(with_absolute_paths(options.config));
    const CheckpointStore::Newest from = resume_point(options, before, checkpoints, progress);
    if (from.folder) {
      load_checkpoint(*from.folder, config, fingerprint, state, accepted);
      const TrainConfig then = config_of_checkpoint(*from.folder);
      changes = changes_between(then, config, state.step);
      progress.line("resume: from " + from.folder->string());
      tell_of_other_held_out(then, config, progress);
      tell_of_other_name(options.out, then, config, progress);
      if (options.resume_from) abandon_later_steps(options.out, state.step, checkpoints, progress);
      checkpoints.set_aside(from.damaged);
    }
    // Before its configuration is written, by which the record of a run without a checkpoint is
    // judged.
    metrics.emplace(options.out, state.step);
    forget_later_steps(options.out, state.step, progress);
    for (const ConfigChange& change : changes)
      progress.line(concat("resume: ", change.key, " is ", change.after, " from here on, was ",
                           change.before));
    if (const std::string note = machine_note(options.out, device); !note.empty())
      progress.line("resume: " + note);
    write_run_files(options, data_path, classes, device);
  }
  trainer.share_state();
  Orders orders(*ranks, options.stop);
  if (ranks->size() > 1)
    progress.line(concat("ranks: ", ranks->size(), ", this one with ",
                         count_of(trainer.num_threads(), "threads")));
  if (const std::string advice = ranks->advice(); !advice.empty())
    progress.line("ranks: " + advice);
  write_config_of_run(options.out, config);  // last of a fresh run: see require_folder_for()
  if (options.start == Start::resume) record_changes(options.out, state.step, changes);
  if (!metrics) metrics.emplace(options.out, state.step);

  const OptimisationConfig& training = config.training;
  const OutputConfig& output = config.output;
  std::optional<TensorboardLog> tensorboard;
  // Part of a record may be there after an error, and nothing may follow it.
  const auto try_tensorboard = [&](const auto& work) {
    std::string problem;
    try {
      return work();
    } catch (const std::bad_alloc&) {
      problem = "no memory for it";
    } catch (const Error& error) {
      problem = error.what();
    }
    tensorboard.reset();
    progress.line("warning: nothing more for TensorBoard in this session: " + problem);
  };
  if (output.tensorboard) try_tensorboard([&] { tensorboard.emplace(options.out, state.step); });
  const std::int64_t pictures = pictures_per_step(training);
  const std::int64_t validate_every =
      output.validate_every_steps > 0 ? output.validate_every_steps : output.checkpoint_every_steps;
  if (options.show_progress != ShowProgress::no && state.step < last_step)
    progress.line(estimate_line(last_step - state.step, trainer.measure_step_seconds()));

  TrainSummary result{.skipped_files = skipped_files(loaded)};
  double seconds_here = 0.0;
  std::optional<double> validation_loss;
  const std::int64_t updates_before = state.updates;
  LogInterval interval;
  RecentSteps recent;
  CheckpointWriter writer(checkpoints, {.config = config,
                                        .data_fingerprint = fingerprint,
                                        .names = names,
                                        .keep = output.keep_checkpoints});
  MetricsReader metrics_reader(options.out);
  RunCurves curves;
  // What is not needed in order to go on is no reason to lose the steps since the last save.
  const auto try_to = [&](std::string_view what, const auto& work) {
    try {
      work();
    } catch (const std::bad_alloc&) {
      progress.line(concat("warning: step ", state.step, ": no memory to ", what));
    } catch (const Error& error) {
      progress.line(
          error.code() == ErrorCode::interrupted
              ? concat("step ", state.step, ": stopped before it could ", what,
                       "; the resumed run does that first")
              : concat("warning: step ", state.step, ": could not ", what, ": ", error.what()));
    }
  };
  const auto tell_saved = [&](const std::optional<SavedCheckpoint>& saved) {
    if (!saved) return;
    result.checkpoint = saved->folder;
    if (!saved->was_there) progress.line("saved " + result.checkpoint.string());
    if (!saved->problem.empty())
      progress.line(concat("warning: ", saved->folder.filename().string(),
                           " is not healthy: ", saved->problem, trusted_text(saved->trusted)));
    try_to(concat("draw ", kPlotFile), [&] {
      metrics_reader.read_on([&](const MetricsLine& line) { curves.add(line); });
      if (!curves.empty())
        write_file_durably(options.out / kPlotFile, curves.svg(names.model), Overwrite::allow);
    });
  };
  const auto gather_state = [&] {
    orders.give(Order::gather_state);
    trainer.gather_state();
  };
  const bool saves_beside =
      state.step / output.checkpoint_every_steps < (last_step - 1) / output.checkpoint_every_steps;
  if (saves_beside)
    progress.line(concat("checkpoints: written while training goes on, from a copy of ",
                         num_bytes_of_copy(state) / 1'000'000, " MB in memory"));

  const RunOptions run_options{.threads = trainer.num_threads(), .stop = options.stop};
  const fs::path samples_folder = options.out / kSamplesFolder;
  const auto measure_average = [&](MetricsLine& line) {
    try_to("measure the averaged weights", [&] {
      const MeasuredQuality quality =
          measure(averaged_network(config, state), config, loaded, run_options);
      line.eps_error = quality.eps_error;
      line.kernel_distance = quality.kernel_distance;
      progress.line(concat("step ", state.step, ": ", quality_text(quality)));
    });
  };
  const auto draw_samples = [&] {
    try_to("draw samples",
           [&] { write_sample_grid(samples_folder, config, dataset, run_options, state); });
  };
  const auto write_events = [&](const MetricsLine& line) {
    if (tensorboard) try_tensorboard([&] { tensorboard->write(line); });
  };
  const auto is_due = [&](std::int64_t every) { return every > 0 && state.step % every == 0; };
  // What a stop or an error kept from the step that is gone on from.
  if (options.start == Start::resume && state.step > 0) {
    const std::optional<MetricsLine> last = metrics->last_kept();
    if (is_due(output.evaluate_every_steps) && last && last->step == state.step &&
        !has_quality(*last)) {
      MetricsLine line = *last;
      measure_average(line);
      if (has_quality(line)) {
        write_events(quality_alone(line));
        metrics->replace_last_kept(line);
      }
    }
    if (is_due(output.sample_every_steps) && !has_sample_grid(samples_folder, state.step))
      draw_samples();
  }
  progress.begin(state.step, last_step);
  bool is_between_steps = true;
  std::optional<MetricsLine> unwritten;  // of the last step
  // Whatever ends the run between two steps: they are not to be lost. Not together with other
  // ranks, of which one may be gone.
  const auto save_after_an_error = [&] {
    if (!is_between_steps || result.steps_here == 0 || ranks->size() > 1 ||
        !state.problem().empty())
      return;
    const auto try_once_more = [](const auto& work) {
      try {
        work();
      } catch (const std::exception&) {  // another error is being told
      }
    };
    try_once_more([&] { tell_saved(writer.wait()); });
    if (unwritten)
      try_once_more([&] { MetricsLog(options.out, state.step - 1).write(*unwritten); });
    try {
      if (result.checkpoint.filename() == model::checkpoint_name(state.step)) return;
      tell_saved(writer.save(state));
    } catch (const std::exception& error) {
      progress.line(concat("warning: step ", state.step, " is not saved: ", error.what()));
    }
  };
  try {
    while (state.step < last_step && !orders.stop_requested()) {
      const Clock::time_point start = Clock::now();
      orders.give(Order::step);
      is_between_steps = false;
      const StepReport report = step_together(trainer, *ranks, [&] { tell_saved(writer.wait()); });
      is_between_steps = true;
      const double seconds = seconds_since(start);
      seconds_here += seconds;
      ++result.steps_here;
      result.loss = report.loss;
      interval.add(report, seconds);
      if (!report.refused.empty()) progress.line("skipped " + report.refused);
      if (!report.spike.empty())
        progress.line(
            concat("spike: ", report.spike, "; training.skip_spikes leaves such steps out"));
      const bool is_end = output.validate_every_steps == 0 && state.step == training.steps;
      const bool validates = held_out && (state.step % validate_every == 0 || is_end);
      const bool evaluates = is_due(output.evaluate_every_steps);
      const bool samples = is_due(output.sample_every_steps);
      const bool has_line = validates || evaluates || is_due(output.log_every_steps);
      MetricsLine line =
          interval.line(report, state, pictures, metrics->seconds_before() + seconds_here);
      if (has_line) unwritten = line;
      if (validates) {
        orders.give(Order::validate);
        validation_loss = trainer.validation_loss(*held_out, output.validation_count);
        line.validation_loss = validation_loss;
      }
      if (evaluates || samples) {
        orders.give(Order::gather_average);
        trainer.gather_average();
      }
      if (has_line) {
        if (evaluates) measure_average(line);
        unwritten = line;
        metrics->write(line);
        unwritten.reset();
        write_events(line);
        interval = {};
      }
      if (samples) draw_samples();
      tell_saved(writer.finished());
      if (state.step % output.checkpoint_every_steps == 0 && state.step < last_step) {
        tell_saved(writer.wait());
        gather_state();
        writer.begin(state);
      }
      recent.add(report);
      const auto point = [&] {
        return recent.progress(last_step, pictures, dataset.images.count, validation_loss);
      };
      progress.update(state.step, [&](std::size_t columns) { return step_line(point(), columns); });
      if (options.progress) options.progress(point());
    }
    tell_saved(writer.wait());
    // After the last step of the configuration, and whenever there is something unsaved.
    if (result.checkpoint.filename() != model::checkpoint_name(state.step)) {
      gather_state();
      tell_saved(writer.save(state));
    }
  } catch (const Error& error) {
    save_after_an_error();
    if (error.code() == ErrorCode::io && !is_folder(options.out))
      fail(ErrorCode::io, "train: ", options.out.string(),
           " is not there any more, so the steps since its last checkpoint cannot be saved; if it "
           "was moved, resume it where it is now (",
           error.what(), ")");
    throw;
  } catch (...) {
    save_after_an_error();
    throw;
  }
  orders.give(Order::end);
  if (state.step >= last_step && result.steps_here > 0 && state.updates == updates_before &&
      state.refused_in_a_row > 0)
    fail(ErrorCode::numeric, "train: none of the ", result.steps_here,
         result.steps_here == 1 ? " step" : " steps",
         " done here changed the weights, because loss or gradient were not finite; lower "
         "training.learning_rate (--override training.learning_rate=RATE), and go on from an "
         "earlier "
         "checkpoint (--resume-from STEP)");

  result.ending = state.step >= training.steps ? TrainEnding::finished
                  : state.step >= last_step    ? TrainEnding::step_limit
                                               : TrainEnding::interrupted;
  result.steps = state.step;
  result.steps_refused = state.step - state.updates;
  if (result.steps_here > 0)
    result.ms_per_image = 1000.0 * seconds_here / static_cast<double>(result.steps_here * pictures);
  result.peak_memory_bytes = peak_memory_bytes();
  return result;
}

}  // namespace

std::string name_of_run(const fs::path& run, const TrainConfig& config) {
  if (!config.output.name.empty()) return config.output.name;
  return fs::absolute(run / "").lexically_normal().parent_path().filename().string();
}

TrainSummary run_training(const TrainOptions& options, const Device& device,
                          const MeasureQuality& measure) {
  std::shared_ptr<comm::Communicator> ranks = options.ranks.communicator();
  if (!ranks) ranks = comm::make_single();
  try {
    return train(options, device, ranks, measure);
  } catch (const fs::filesystem_error& error) {
    fail(ErrorCode::io, "train: ", error.what());
  }
}

}  // namespace ddim::engine::train
