#include "train/run.h"

#include <ddim/counts.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <chrono>
#include <cmath>
#include <iostream>
#include <limits>
#include <memory>
#include <new>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/error.h"
#include "base/file_input.h"
#include "base/file_lock.h"
#include "base/file_output.h"
#include "base/folder.h"
#include "base/peak_memory.h"
#include "base/progress.h"
#include "base/temporary.h"
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
#include "train/sample_grid.h"
#include "train/step_line.h"
#include "train/tensorboard.h"
#include "train/train_config.h"
#include "train/train_config_keys.h"
#include "train/trainer.h"

namespace ddim::engine::train {
namespace {

namespace fs = std::filesystem;
using Clock = std::chrono::steady_clock;

constexpr const char* kDataFile = "data.txt";
constexpr const char* kPlotFile = "loss.svg";
constexpr const char* kMachineFile = "machine.txt";
constexpr const char* kClassesFile = "classes.csv";
constexpr const char* kSamplesFolder = "samples";
constexpr const char* kAbandoned = "abandoned-";

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

/// Whether a run was begun here and ended before it had a checkpoint or a configuration, which is
/// written last: there is nothing to resume, and nothing to lose.
bool is_false_start(const fs::path& folder) {
  constexpr std::array<std::string_view, 5> kFirstFiles{".lock", kMachineFile, kDataFile,
                                                        kClassesFile, kConfigDigestFile};
  if (!fs::is_directory(folder)) return false;
  const std::vector<std::string> names = names_in(folder);
  // Without a lock, no run was begun here: a person's files may have names of temporary ones.
  if (!names.empty() && !std::ranges::count(names, kFirstFiles.front())) return false;
  const auto is_of_a_start = [&](const std::string& name) {
    if (name == model::kCheckpointsFolder && fs::is_directory(folder / name))
      return std::ranges::all_of(names_in(folder / name), is_temporary_name);
    return std::ranges::count(kFirstFiles, name) > 0 || is_temporary_name(name);
  };
  return std::ranges::all_of(names, is_of_a_start);
}

void require_folder_for(const fs::path& folder, Start start) {
  if (start == Start::resume) {
    require(fs::is_directory(folder), "train: there is no run to resume in ", folder.string());
  } else {
    require(!fs::exists(folder) || is_false_start(folder), "train: ", folder.string(),
            " exists; resume it with --resume ", folder.string(), ", or choose another folder");
  }
}

/// Where the run's data are: as the caller says, or as the run was told before.
fs::path data_folder(const TrainOptions& options) {
  if (!options.data.empty()) return fs::absolute(options.data);
  require(options.start == Start::resume,
          "train: no data; name the folder of the training pictures with --data");
  constexpr std::uint64_t kMaxBytes = std::uint64_t{1} << 16;
  std::string path = read_file_if_there(options.out / kDataFile, kMaxBytes).value_or("");
  if (path.ends_with('\n')) path.pop_back();  // others are of the path
  require(!path.empty(), "train: ", options.out.string(),
          " does not say where its training pictures are; name them with --data");
  return path;
}

std::vector<std::string> names_of(const std::vector<DataClass>& classes) {
  std::vector<std::string> names;
  for (const DataClass& each : classes) names.push_back(each.name);
  return names;
}

std::vector<std::int64_t> images_of(const std::vector<DataClass>& classes) {
  std::vector<std::int64_t> images;
  for (const DataClass& each : classes) images.push_back(each.images);
  return images;
}

/// A sentence, where a run goes on another machine than it was on before.
std::string machine_note(const fs::path& run, const Device& device) {
  constexpr std::uint64_t kMaxBytes = std::uint64_t{1} << 10;
  std::string before = read_file_if_there(run / kMachineFile, kMaxBytes).value_or("");
  before.resize(std::min(before.find('\n'), before.size()));
  const std::string now = device.describe();
  if (before.empty() || before == now) return "";
  return concat("the run was on ", before, " before and is on ", now,
                " now: from here on its last bits are not those of a run that stayed (DDIM_ISA "
                "chooses an instruction set)");
}

void write_run_files(const TrainOptions& options, const fs::path& data,
                     const std::vector<DataClass>& classes, const Device& device) {
  write_file_durably(options.out / kMachineFile, device.describe() + "\n", Overwrite::allow);
  write_file_durably(options.out / kDataFile, data.string() + "\n", Overwrite::allow);
  if (!classes.empty())
    write_file_durably(options.out / kClassesFile, data::class_table(classes), Overwrite::allow);
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
                   double total_seconds, double validation_loss) const {
    const double nan = std::numeric_limits<double>::quiet_NaN();
    return {.step = state.step,
            .images = state.step * pictures,
            .loss = num_losses_ > 0 ? loss_sum_ / static_cast<double>(num_losses_) : nan,
            .grad_norm = report.grad_norm,
            .learning_rate = report.learning_rate,
            .images_per_second = static_cast<double>(num_steps_ * pictures) / seconds_,
            .seconds = total_seconds,
            .skipped = state.step - state.updates,
            .validation_loss = validation_loss};
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

/// Whether it is a file of samples/ of a step after this one.
bool is_of_step_after(std::int64_t step, std::string_view name) {
  constexpr std::string_view kBegin = "step-";
  std::int64_t its_step = 0;
  if (!name.starts_with(kBegin)) return false;
  name.remove_prefix(kBegin.size());
  return std::from_chars(name.data(), name.data() + name.size(), its_step).ec == std::errc() &&
         its_step > step;
}

std::string quality_text(const MeasuredQuality& quality) {
  std::vector<std::string> parts;
  if (!std::isnan(quality.eps_error)) parts.push_back(concat("eps error ", quality.eps_error));
  if (!std::isnan(quality.kernel_distance))
    parts.push_back(concat("kernel distance ", quality.kernel_distance));
  return parts.empty() ? "too few pictures to measure anything on" : join(parts, ", ");
}

/// The configuration with the path of data.validation as it is seen from everywhere.
TrainConfig with_absolute_paths(TrainConfig config) {
  std::string& source = config.data.validation.source;
  if (!source.empty() && !value_named<DataSplit>(source)) source = fs::absolute(source).string();
  return config;
}

/// A run that is resumed without a checkpoint begins again: its record must be that of steps before
/// the first one.
void require_no_checkpoint_missing(const fs::path& run, const OutputConfig& output) {
  std::int64_t last_step = 0;
  MetricsReader(run).read_on([&](const MetricsLine& line) { last_step = line.step; });
  // The first is complete before the second is begun, which is after the line of its step.
  require(last_step <= 2 * output.checkpoint_every_steps, "train: ", run.string(),
          " has metrics up to step ", last_step,
          ", but no checkpoint; put its checkpoints back, or start a new run in another folder");
}

/// The checkpoint that a run goes on from; nothing for one that has none yet.
std::optional<fs::path> resume_point(const TrainOptions& options, const TrainConfig& config,
                                     CheckpointStore& checkpoints, Progress& progress) {
  if (options.resume_from) return checkpoints.find(*options.resume_from);
  const CheckpointStore::Newest newest = checkpoints.find_newest();
  for (const std::string& skipped : newest.skipped) progress.line("resume: " + skipped);
  if (!newest.folder && !newest.skipped.empty())
    fail(ErrorCode::corrupt, "train: no checkpoint in ", options.out.string(),
         " is complete; the newest: ", newest.skipped.front());
  if (!newest.folder) {
    require_no_checkpoint_missing(options.out, config.output);
    progress.line("resume: no checkpoint yet; starting from the beginning");
    return std::nullopt;
  }
  if (const std::string problem = read_health(*newest.folder).problem; !problem.empty())
    progress.line(concat("resume: ", newest.folder->filename().string(),
                         " is not healthy: ", problem, trusted_text(checkpoints.last_trusted())));
  return newest.folder;
}

/// Moves what a run did after `step` aside, so that it can do these steps again: checkpoints and
/// samples, and copies of its records.
void abandon_later_steps(const TrainOptions& options, std::int64_t step,
                         CheckpointStore& checkpoints, Progress& progress) {
  const std::vector<fs::path> all = model::checkpoints_in(options.out / model::kCheckpointsFolder);
  if (all.empty() || all.front().filename() == model::checkpoint_name(step)) return;
  fs::path folder;
  for (int i = 1; folder.empty() || is_there(folder); ++i)
    folder = options.out / concat(kAbandoned, i);
  make_folders(folder / model::kCheckpointsFolder);
  constexpr std::uint64_t kMaxBytes = std::uint64_t{1} << 32;
  for (const fs::path& record :
       {fs::path("metrics.csv"), fs::path("metrics.jsonl"), fs::path(kPlotFile), events_file()}) {
    const auto text = read_file_if_there(options.out / record, kMaxBytes);
    if (!text) continue;
    make_folders((folder / record).parent_path());
    write_file_durably(folder / record, *text, Overwrite::refuse);
  }
  const fs::path samples = options.out / kSamplesFolder;
  if (is_there(samples)) make_folders(folder / kSamplesFolder);
  for (const std::string& name : is_there(samples) ? names_in(samples) : std::vector<std::string>())
    if (is_of_step_after(step, name)) fs::rename(samples / name, folder / kSamplesFolder / name);
  const std::size_t count =
      checkpoints.move_later_than(step, folder / model::kCheckpointsFolder).size();
  progress.line(concat("resume: ", count_of(static_cast<std::int64_t>(count), "checkpoints"),
                       " after step ", step, " moved to ", folder.string(),
                       "; remove it when nobody needs it"));
}

TrainSummary train(const TrainOptions& options, const Device& device,
                   const std::shared_ptr<comm::Communicator>& ranks,
                   const MeasureQuality& measure) {
  require(options.start == Start::resume || (!options.resume_from && options.overrides.empty()),
          "train: a step to resume from and overrides are for a run that is resumed");
  const TrainConfig config = with_overrides(with_absolute_paths(options.config), options.overrides);
  Progress progress(std::clog, run::style_of(options.show_progress), "steps");

  require(!options.init || options.start == Start::fresh,
          "train: a resumed run continues from its own checkpoint, not from another model");
  require_folder_for(options.out, options.start);
  const fs::path data_path = data_folder(options);
  share_request(*ranks, {.config = config, .data = data_path});
  const TrainingData loaded = load_training_data(data_path, config);
  const auto& [dataset, held_out] = loaded;
  for (const std::string& notice : dataset.report.notices) progress.line("data: " + notice);
  for (const std::string& skipped : dataset.report.skipped)
    progress.line("data: skipped: " + skipped);
  const data::Images& images = dataset.images;
  progress.line(concat("data: ", count_of(images.count, "images"), " of ", images.width, "x",
                       images.height, " pixels, ", count_of(images.channels, "channels"), " (",
                       dataset.kind, "), from ", data_path.string()));
  const std::vector<DataClass>& classes = dataset.report.classes;
  for (std::size_t k = 0; k < classes.size(); ++k)
    progress.line(concat("data: class ", k, ": ", classes[k].name, ", ",
                         count_of(classes[k].images, "images")));
  if (const std::int64_t rows = num_real_classes(config.model);
      !classes.empty() && rows > std::ssize(classes))
    progress.line(concat("data: model.num_classes is ", rows, ", and the data have ",
                         classes.size(), classes.size() == 1 ? " class (" : " classes (",
                         data::name_classes(classes), "): from class ", classes.size(),
                         " on, nothing is learnt; set model.num_classes = ", classes.size(),
                         " unless those are to come"));
  if (held_out) {
    const std::int64_t measured = std::min(held_out->images.count, config.output.validation_count);
    progress.line(concat("validation: ", measured == held_out->images.count ? "" : "the first ",
                         count_of(measured, "held-out images")));
  }
  const std::uint32_t fingerprint = data::fingerprint(dataset);
  require_same_everywhere(*ranks, device, loaded);
  Trainer trainer(config, device, dataset, ranks);
  if (held_out) trainer.check_suits(*held_out);
  TrainingState& state = trainer.state();

  if (options.init) {
    const ModelOverrides size{.height = config.model.height(), .width = config.model.width()};
    const model::ModelFiles files = open_checkpoint(*options.init, size, config.diffusion);
    for (const std::string& note : files.notes)
      if (note != model::notes_on(size).front()) progress.line("init: " + note);
    for (const std::string& line : take_over(files, config, state, options.verification))
      progress.line("init: " + line);
    progress.line(concat("init: from ", options.init->string(), " (", files.kind, "), ", state.step,
                         " steps done"));
    require(state.step < config.training.steps, "train: ", options.init->string(), " has done ",
            state.step, " steps, and training.steps is ", config.training.steps,
            ": there is nothing to do; set it to more, the steps of ",
            options.init->filename().string(), " included");
  }
  make_folders(options.out);
  const FileLock lock(options.out);
  if (!lock.is_held())
    progress.line(concat("note: the file system of ", options.out.string(),
                         " has no locks: see that no other process trains in this folder"));
  if (options.start == Start::fresh) require_folder_for(options.out, options.start);
  std::vector<fs::path> written{options.out, options.out / kSamplesFolder,
                                options.out / kTensorboardFolder};
  for (const std::string& name : names_in(options.out))
    if (name.starts_with(kAbandoned)) written.push_back(options.out / name);
  for (const fs::path& folder : written) remove_leftovers(folder);
  CheckpointStore checkpoints(options.out / model::kCheckpointsFolder);
  const io::ModelNames names{.model = name_of_run(options.out, config),
                             .classes = names_of(classes),
                             .class_images = images_of(classes)};
  require_utf8(names);
  if (options.start == Start::fresh) write_run_files(options, data_path, classes, device);
  // What a resumed run begins with, also where the run has no configuration yet.
  if (options.init) checkpoints.save(state, config, fingerprint, names);
  if (options.start == Start::resume) {
    TrainConfig before = with_absolute_paths(options.config);
    AcceptedChanges accepted;
    accept(read_changes(options.out), accepted);
    accept_named(options.overrides, config, accepted);
    if (const auto from = resume_point(options, config, checkpoints, progress)) {
      load_checkpoint(*from, config, fingerprint, state, accepted);
      before = config_of_checkpoint(*from);
      progress.line("resume: from " + from->string());
    }
    if (options.resume_from) abandon_later_steps(options, state.step, checkpoints, progress);
    std::vector<ConfigChange> changes = changes_between(before, config, state.step);
    std::erase_if(changes, [&](const ConfigChange& change) {
      return std::ranges::count(options.overrides, change.key, key_of_override) == 0;
    });
    for (const ConfigChange& change : changes)
      progress.line(concat("resume: ", change.key, " is ", change.after, " from here on, was ",
                           change.before));
    record_changes(options.out, changes);
    if (const std::string note = machine_note(options.out, device); !note.empty())
      progress.line("resume: " + note);
    write_run_files(options, data_path, classes, device);
  }
  trainer.share_state();
  Orders orders(*ranks, options.stop);
  if (ranks->size() > 1)
    progress.line(concat("ranks: ", ranks->size(), ", this one with ",
                         count_of(trainer.num_workers(), "threads")));
  if (const std::string advice = ranks->advice(); !advice.empty())
    progress.line("ranks: " + advice);
  write_config_of_run(options.out, config);  // last: see is_false_start()
  MetricsLog metrics(options.out, state.step);

  const OptimisationConfig& training = config.training;
  const OutputConfig& output = config.output;
  std::optional<TensorboardLog> tensorboard;
  if (output.tensorboard) tensorboard.emplace(options.out, state.step);
  const std::int64_t last_step =
      std::min(training.steps, options.max_steps.value_or(training.steps));
  const std::int64_t pictures = pictures_per_step(training);
  const std::int64_t validate_every =
      output.validate_every_steps > 0 ? output.validate_every_steps : output.checkpoint_every_steps;
  if (options.show_progress != ShowProgress::no && state.step < last_step)
    progress.line(estimate_line(last_step - state.step, trainer.measure_step_seconds()));

  TrainSummary result{.skipped_files = dataset.report.skipped};
  double seconds_here = 0.0;
  double validation_loss = std::numeric_limits<double>::quiet_NaN();
  const std::int64_t updates_before = state.updates;
  LogInterval interval;
  RecentSteps recent;
  CheckpointWriter writer(checkpoints, {.config = config,
                                        .data_fingerprint = fingerprint,
                                        .names = names,
                                        .keep = output.keep_checkpoints});
  MetricsReader metrics_reader(options.out);
  RunCurves curves;
  const auto tell_saved = [&](const std::optional<SavedCheckpoint>& saved) {
    if (!saved) return;
    result.checkpoint = saved->folder;
    progress.line("saved " + result.checkpoint.string());
    if (!saved->problem.empty())
      progress.line(concat("warning: ", saved->folder.filename().string(),
                           " is not healthy: ", saved->problem, trusted_text(saved->trusted)));
    try {
      metrics_reader.read_on([&](const MetricsLine& line) { curves.add(line); });
      if (!curves.empty())
        write_file_durably(options.out / kPlotFile, curves.svg(names.model), Overwrite::allow);
    } catch (const Error& error) {  // it is of no use to the training itself
      if (error.code() != ErrorCode::corrupt) throw;
      progress.line(concat("warning: no ", kPlotFile, ": ", error.what()));
    }
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

  const RunOptions run_options{.threads = trainer.num_workers(), .stop = options.stop};
  // What is not needed in order to go on: it is no reason to lose the steps since the last save.
  const auto try_to = [&](std::string_view what, const auto& work) {
    try {
      work();
    } catch (const std::bad_alloc&) {
      progress.line(concat("warning: step ", state.step, ": no memory to ", what));
    } catch (const Error& error) {
      if (error.code() == ErrorCode::io) throw;
      if (error.code() != ErrorCode::interrupted)
        progress.line(
            concat("warning: step ", state.step, ": could not ", what, ": ", error.what()));
    }
  };
  progress.begin(state.step, last_step);
  while (state.step < last_step && !orders.stop_requested()) {
    const Clock::time_point start = Clock::now();
    orders.give(Order::step);
    const StepReport report = step_together(trainer, *ranks, [&] { tell_saved(writer.wait()); });
    const double seconds = seconds_since(start);
    seconds_here += seconds;
    ++result.steps_here;
    result.loss = report.loss;
    interval.add(report, seconds);
    tell_saved(writer.finished());
    if (!report.refused.empty()) progress.line("skipped " + report.refused);
    if (!report.spike.empty())
      progress.line(
          concat("spike: ", report.spike, "; training.skip_spikes leaves such steps out"));
    const bool is_end = output.validate_every_steps == 0 && state.step == training.steps;
    const bool validates = held_out && (state.step % validate_every == 0 || is_end);
    if (validates) {
      orders.give(Order::validate);
      validation_loss = trainer.validation_loss(*held_out, output.validation_count);
    }
    const bool evaluates =
        output.evaluate_every_steps > 0 && state.step % output.evaluate_every_steps == 0;
    const bool samples =
        output.sample_every_steps > 0 && state.step % output.sample_every_steps == 0;
    if (evaluates || samples) {
      orders.give(Order::gather_average);
      trainer.gather_average();
    }
    if (validates || evaluates || state.step % output.log_every_steps == 0) {
      MetricsLine line =
          interval.line(report, state, pictures, metrics.seconds_before() + seconds_here,
                        validates ? validation_loss : std::numeric_limits<double>::quiet_NaN());
      if (evaluates)
        try_to("measure the averaged weights", [&] {
          const MeasuredQuality quality =
              measure(averaged_network(config, state), config, loaded, run_options);
          line.eps_error = quality.eps_error;
          line.kernel_distance = quality.kernel_distance;
          progress.line(concat("step ", state.step, ": ", quality_text(quality)));
        });
      metrics.write(line);
      if (tensorboard) tensorboard->write(line);
      interval = {};
    }
    if (samples)
      try_to("draw samples", [&] {
        write_sample_grid(options.out / kSamplesFolder, config, names.classes, run_options, state);
      });
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
