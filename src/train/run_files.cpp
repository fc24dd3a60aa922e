#include "train/run_files.h"

#include <ddim/counts.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <optional>
#include <string_view>
#include <system_error>

#include "base/error.h"
#include "base/file_input.h"
#include "base/file_output.h"
#include "base/folder.h"
#include "base/temporary.h"
#include "data/class_list.h"
#include "data/split_folders.h"
#include "model/run_folder.h"
#include "train/config_changes.h"
#include "train/config_digest.h"
#include "train/sample_grid.h"
#include "train/tensorboard.h"

namespace ddim::engine::train {
namespace {

namespace fs = std::filesystem;

constexpr const char* kDataFile = "data.txt";
constexpr const char* kMachineFile = "machine.txt";
constexpr const char* kClassesFile = "classes.csv";
constexpr const char* kAbandoned = "abandoned-";

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

/// Whether a run writes such a file, in its folder or in samples/ or tensorboard/.
bool is_file_of_run(std::string_view name, TemporaryKind kind) {
  const std::string events = events_file().filename().string();
  const std::array<std::string_view, 10> names{
      kMachineFile,   kDataFile,     kClassesFile,    kConfigFile, kConfigDigestFile,
      kOverridesFile, "metrics.csv", "metrics.jsonl", kPlotFile,   events};
  return kind == TemporaryKind::file &&
         (std::ranges::count(names, name) > 0 || is_sample_grid_name(name));
}

/// Error(user) where `run` is inside `pictures`, whatever links lead to them.
void require_outside(const fs::path& run, const fs::path& pictures, std::string_view what) {
  const fs::path inner = fs::weakly_canonical(run), outer = fs::weakly_canonical(pictures);
  const auto [end, rest] = std::mismatch(outer.begin(), outer.end(), inner.begin(), inner.end());
  require(end != outer.end(), "train: ", run.string(), " is among the ", what, " pictures in ",
          pictures.string(),
          ": the pictures that the run makes would be read as data; choose a folder elsewhere");
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

/// An empty folder for what is moved out of run/`name`, on the same disk: `abandoned`/`name`, or a
/// folder that this is a link to.
fs::path make_place_beside(const fs::path& run, std::string_view name, const fs::path& abandoned) {
  const fs::path from = run / name;
  const fs::path trial = from / (abandoned.filename().string() + ".tmp-ddim-0");
  const fs::path place = abandoned / name, on_its_disk = from / abandoned.filename();
  fs::create_directory(trial);
  std::error_code problem;
  fs::rename(trial, place, problem);
  if (!problem) return place;
  if (problem != std::errc::cross_device_link) {
    try_remove_tree(trial);
    throw fs::filesystem_error("cannot make", trial, place, problem);
  }
  fs::rename(trial, on_its_disk);
  fs::create_directory_symlink(fs::path("..") / name / abandoned.filename(), place,
                               problem);  // not all file systems have links
  return on_its_disk;
}

}  // namespace

void require_folder_for(const fs::path& folder, Start start) {
  if (start == Start::resume) {
    require(fs::is_directory(folder), "train: there is no run to resume in ", folder.string());
  } else {
    require(!fs::exists(folder) || is_false_start(folder), "train: ", folder.string(),
            " exists; resume it with --resume ", folder.string(), ", or choose another folder");
  }
}

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

void require_outside_pictures(const fs::path& run, const fs::path& data_folder,
                              const TrainConfig& config, const TrainingData& data) {
  constexpr std::string_view kPictures = "folder";
  if (data.training.kind == kPictures)
    require_outside(run, data::find_split_folder(data_folder, config.data.split).path, "training");
  if (!data.held_out || data.held_out->kind != kPictures) return;
  const std::string& source = config.data.validation.source;
  if (source.empty()) return;  // a share of them
  if (const auto split = value_named<DataSplit>(source))
    require_outside(run, data::find_split_folder(data_folder, *split).path, "held-out");
  else
    require_outside(run, data::find_split_folder(source, std::nullopt).path, "held-out");
}

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

void remove_leftovers_of_run(const fs::path& run) {
  for (const fs::path& folder : {run, run / kSamplesFolder, run / kTensorboardFolder})
    remove_leftovers(folder, is_file_of_run);
  for (const std::string& name : names_in(run))
    if (name.starts_with(kAbandoned)) remove_leftovers(run / name, is_file_of_run);
}

void forget_later_steps(const fs::path& run, std::int64_t step, Progress& progress) {
  try {
    cut_events(run, step);
  } catch (const Error& error) {
    progress.line(concat("warning: TensorBoard keeps the curves of steps after ", step,
                         " that are done again: ", error.what()));
  }
  const fs::path samples = run / kSamplesFolder;
  if (!leads_somewhere(samples)) return;
  for (const std::string& name : names_in(samples))
    if (is_sample_grid_name(name) && is_of_step_after(step, name)) fs::remove(samples / name);
}

void abandon_later_steps(const fs::path& run, std::int64_t step, CheckpointStore& checkpoints,
                         Progress& progress) {
  const std::vector<fs::path> all = model::checkpoints_in(run / model::kCheckpointsFolder);
  if (all.empty() || all.front().filename() == model::checkpoint_name(step)) return;
  const fs::path samples = run / kSamplesFolder;
  const bool has_samples = leads_somewhere(samples);
  const auto is_taken = [&](const std::string& name) {
    return is_there(run / name) || is_there(run / model::kCheckpointsFolder / name) ||
           (has_samples && is_there(samples / name));
  };
  int number = 1;
  while (is_taken(concat(kAbandoned, number))) ++number;
  const fs::path folder = run / concat(kAbandoned, number);
  make_folders(folder);
  const fs::path place = make_place_beside(run, model::kCheckpointsFolder, folder);
  const fs::path sample_place =
      has_samples ? make_place_beside(run, kSamplesFolder, folder) : fs::path();

  constexpr std::uint64_t kMaxBytes = std::uint64_t{1} << 32;
  for (const fs::path& record : {fs::path("metrics.csv"), fs::path("metrics.jsonl"),
                                 fs::path(kOverridesFile), fs::path(kPlotFile), events_file()}) {
    if (!is_file(run / record)) continue;
    make_folders((folder / record).parent_path());
    write_file_durably(folder / record, read_file(run / record, kMaxBytes), Overwrite::refuse);
  }
  for (const std::string& name : has_samples ? names_in(samples) : std::vector<std::string>())
    if (is_of_step_after(step, name)) fs::rename(samples / name, sample_place / name);
  const std::size_t count = checkpoints.move_later_than(step, place).size();
  progress.line(concat("resume: ", count_of(static_cast<std::int64_t>(count), "checkpoints"),
                       " after step ", step, " moved to ",
                       place.parent_path() == folder ? folder.string() : place.string(),
                       "; remove it when nobody needs it"));
}

}  // namespace ddim::engine::train
