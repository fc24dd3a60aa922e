#include "train/checkpoint.h"

#include <algorithm>
#include <utility>

#include "base/error.h"
#include "base/file_input.h"
#include "base/file_output.h"
#include "base/folder.h"
#include "base/temporary.h"
#include "io/safetensors.h"
#include "model/checkpoint_health.h"
#include "model/file_configs.h"
#include "model/model.h"
#include "model/run_folder.h"
#include "model/training_names.h"
#include "tensor/host_values.h"
#include "train/config_digest.h"

namespace ddim::engine::train {
namespace {

namespace fs = std::filesystem;

/// Every tensor of a state under its name in state.safetensors.
std::vector<std::pair<std::string, Tensor>> named_tensors(const TrainingState& state) {
  std::vector<std::pair<std::string, Tensor>> tensors;
  for (const Parameter* parameter : state.network.parameters()) {
    const std::size_t i = parameter->index;
    const auto add = [&](std::string_view prefix, const Tensor& tensor) {
      tensors.emplace_back(concat(prefix, parameter->name), tensor);
    };
    add(model::kTrainedPrefix, parameter->value);
    add(model::kAveragePrefix, state.average.parameters()[i]->value);
    add(model::kAdamMPrefix, state.m[i]);
    add(model::kAdamVPrefix, state.v[i]);
  }
  return tensors;
}

std::vector<std::int64_t> dims_of(const Tensor& tensor) {
  const auto dims = tensor.shape().dims();
  return {dims.begin(), dims.end()};
}

/// With what elements_of(tensor) gives of each tensor.
template <class ElementsOf>
StateValues values_of(const TrainingState& state, const ElementsOf& elements_of) {
  StateValues result{.network = state.average.config(), .step = state.step};
  for (const auto& [name, tensor] : named_tensors(state))
    result.tensors.push_back({name, dims_of(tensor), elements_of(tensor)});
  result.health = {.problem = state.problem(), .losses = state.losses};
  result.metadata = {{"format", "ddim training state 1"},
                     {"step", std::to_string(state.step)},
                     {"updates", std::to_string(state.updates)},
                     {"refused_in_a_row", std::to_string(state.refused_in_a_row)}};
  return result;
}

std::vector<io::TensorSource> sources_of(const StateValues& state) {
  std::vector<io::TensorSource> sources;
  for (const StateValues::Values& tensor : state.tensors)
    sources.push_back({.name = tensor.name, .shape = tensor.shape, .values = tensor.values});
  return sources;
}

/// The averaged weights under the names of the network's parameters.
std::vector<io::TensorSource> average_of(const StateValues& state) {
  std::vector<io::TensorSource> sources;
  for (io::TensorSource source : sources_of(state)) {
    if (!source.name.starts_with(model::kAveragePrefix)) continue;
    source.name.erase(0, model::kAveragePrefix.size());
    sources.push_back(std::move(source));
  }
  return sources;
}

}  // namespace

const StateValues& StateCopy::take(const TrainingState& state) {
  memory_.resize(static_cast<std::size_t>(num_bytes_of_copy(state)) / sizeof(float));
  std::span<float> rest = memory_;
  values_ = values_of(state, [&](const Tensor& tensor) -> std::span<const float> {
    const std::span<float> copy = rest.first(static_cast<std::size_t>(tensor.size()));
    tensor.device().kernels().download(tensor, copy);
    rest = rest.subspan(copy.size());
    return copy;
  });
  return values_;
}

std::int64_t num_bytes_of_copy(const TrainingState& state) {
  std::int64_t count = 0;
  for (const auto& [name, tensor] : named_tensors(state)) count += tensor.shape().size();
  return count * static_cast<std::int64_t>(sizeof(float));
}

namespace {

/// What cannot be read now may be read later: it is no reason to end, and nothing is known of it.
template <class Question>
std::optional<bool> ask_if_readable(const Question& question) {
  try {
    return question();
  } catch (const Error& error) {
    if (error.code() != ErrorCode::io) throw;
    return std::nullopt;
  }
}

/// Whether it is healthy; nothing where that cannot be read.
std::optional<bool> health_of(const fs::path& checkpoint) {
  return ask_if_readable([&] { return read_health(checkpoint).problem.empty(); });
}

}  // namespace

CheckpointStore::CheckpointStore(fs::path folder) : folder_(std::move(folder)) {
  make_folders(folder_);
  remove_leftovers(folder_, [](std::string_view name, TemporaryKind kind) {
    return kind == TemporaryKind::folder && model::is_checkpoint_name(name);
  });
}

std::optional<std::string> CheckpointStore::verify(const fs::path& folder) {
  if (verified_.contains(folder)) return std::nullopt;
  std::optional<std::string> problem = verify_manifest(folder);
  if (!problem) verified_.insert(folder);
  return problem;
}

bool CheckpointStore::is_known_complete(const fs::path& folder) {
  return ask_if_readable([&] { return !verify(folder); }).value_or(false);
}

bool CheckpointStore::has(std::int64_t step) {
  const fs::path path = folder_ / model::checkpoint_name(step);
  return fs::exists(path) && !verify(path);
}

CheckpointStore::Newest CheckpointStore::find_newest() {
  Newest newest;
  for (const fs::path& folder : model::checkpoints_in(folder_)) {
    const std::optional<std::string> problem = verify(folder);
    if (!problem) {
      newest.folder = folder;
      break;
    }
    newest.skipped.push_back(concat(folder.string(), " is skipped: ", *problem));
    newest.damaged.push_back(folder);
  }
  return newest;
}

fs::path CheckpointStore::find(std::int64_t step) {
  const fs::path folder = folder_ / model::checkpoint_name(step);
  if (!fs::exists(folder)) {
    const std::vector<fs::path> there = model::checkpoints_in(folder_);
    fail(ErrorCode::user, "train: there is no checkpoint of step ", step, " in ", folder_.string(),
         there.empty() ? "" : "; there are ",
         join(there, ", ", [](const fs::path& each) { return each.filename().string(); }));
  }
  if (const std::optional<std::string> problem = verify(folder))
    fail(ErrorCode::corrupt, *problem, "; resume from another checkpoint");
  return folder;
}

fs::path CheckpointStore::save(const TrainingState& state, const TrainConfig& config,
                               std::uint32_t data_fingerprint, const io::ModelNames& names) {
  HostValues values;
  return save(values_of(state, [&](const Tensor& tensor) { return values.of(tensor); }), config,
              data_fingerprint, names);
}

fs::path CheckpointStore::save(const StateValues& state, const TrainConfig& config,
                               std::uint32_t data_fingerprint, const io::ModelNames& names) {
  const fs::path path = folder_ / model::checkpoint_name(state.step);
  if (has(state.step)) return path;  // a step's state is always the same
  if (fs::exists(path)) set_aside({path});
  io::Metadata metadata = state.metadata;
  metadata.emplace("data_crc32", std::to_string(data_fingerprint));

  DurableFolder folder(path, Manifest::write);
  model::write_model_files(folder, state.network, average_of(state),
                           model::file_config(config.diffusion), names);
  folder.write_file(model::kStateFile,
                    io::safetensors_content(sources_of(state), std::move(metadata)));
  folder.write_file(kHealthFile, to_json(state.health));
  folder.write_file(kConfigFile, to_toml(config));
  folder.commit();
  verified_.insert(path);
  return path;
}

void CheckpointStore::set_aside(const std::vector<fs::path>& damaged) {
  for (const fs::path& folder : damaged) {
    fs::path aside = concat(folder.string(), ".damaged");
    for (int i = 2; is_there(aside); ++i) aside = concat(folder.string(), ".damaged-", i);
    fs::rename(folder, aside);
  }
}

std::vector<fs::path> CheckpointStore::known_complete() {
  std::vector<fs::path> complete = model::checkpoints_in(folder_);
  std::erase_if(complete, [&](const fs::path& folder) { return !is_known_complete(folder); });
  return complete;
}

void CheckpointStore::remove_old(std::int64_t keep) {
  const std::vector<fs::path> complete = known_complete();
  std::set<fs::path> needed, unreadable;
  const auto trusted = model::find_trusted(complete, [&](const fs::path& folder) {
    const std::optional<bool> healthy = health_of(folder);
    if (!healthy) unreadable.insert(folder);
    if (healthy.value_or(false) && needed.empty()) needed.insert(folder);  // the newest
    return healthy;
  });
  if (trusted) needed.insert({trusted->folder, trusted->follower});
  std::int64_t kept = 0;
  for (const fs::path& folder : complete) {
    if (unreadable.contains(folder)) continue;
    if (++kept <= keep || needed.contains(folder)) continue;
    // Renamed first, so that a removal that is cut short leaves no folder of a checkpoint's name.
    fs::path doomed = folder;
    doomed += ".tmp-ddim-0";
    fs::rename(folder, doomed);
    remove_tree(doomed);
    verified_.erase(folder);
  }
}

std::optional<fs::path> CheckpointStore::last_trusted() {
  const auto trusted = model::find_trusted(known_complete(), health_of);
  return trusted ? std::optional(trusted->folder) : std::nullopt;
}

std::vector<fs::path> CheckpointStore::move_later_than(std::int64_t step, const fs::path& folder) {
  const fs::path last = folder_ / model::checkpoint_name(step);
  std::vector<fs::path> moved;
  for (const fs::path& checkpoint : model::checkpoints_in(folder_)) {
    if (checkpoint == last) break;
    const fs::path place = folder / checkpoint.filename();
    fs::rename(checkpoint, place);
    verified_.erase(checkpoint);
    moved.push_back(place);
  }
  sync_file_system(folder_);
  return moved;
}

TrainConfig config_of_checkpoint(const fs::path& folder) {
  return load_train_config(folder / kConfigFile);
}

void load_checkpoint(const fs::path& folder, const TrainConfig& config,
                     std::uint32_t data_fingerprint, TrainingState& state,
                     const AcceptedChanges& accepted) {
  const io::SafetensorsFile file = io::SafetensorsFile::open(folder / model::kStateFile);
  Health health = read_health(folder);
  const std::int64_t step = file.metadata_count("step");
  const std::vector<std::string> different =
      differences(config, config_of_checkpoint(folder), step, accepted);
  if (!different.empty()) {
    fail(
        ErrorCode::user, "train: cannot resume from ", folder.string(),
        ": the configuration has changed:\n  ", join(different, "\n  "),
        "\nResume with the old values, say --override KEY=VALUE for a key that may change in a run "
        "(training.learning_rate ...), or start a new run in another folder.");
  }
  const std::int64_t stored_fingerprint = file.metadata_count("data_crc32");
  require(stored_fingerprint == data_fingerprint, "train: cannot resume from ", folder.string(),
          ": the training data have changed (CRC-32 ", data_fingerprint, " instead of ",
          stored_fingerprint, "); use the data of the run, or start a new run in another folder");

  std::vector<std::pair<std::string, Tensor>> tensors = named_tensors(state);
  if (file.entries().size() != tensors.size())
    fail(ErrorCode::corrupt, file.path().string(), ": ", tensors.size(), " tensors expected, ",
         file.entries().size(), " found");
  for (const auto& [name, tensor] : tensors) {
    const io::TensorEntry& entry = file.at(name);
    if (entry.shape != dims_of(tensor) || entry.type != io::StoredType::f32)
      fail(ErrorCode::corrupt, file.path().string(), ": ", name, " must be F32 ", tensor.shape());
  }
  for (auto& [name, tensor] : tensors) {
    const io::TensorEntry& entry = file.at(name);
    write_on_host(tensor, [&](std::span<float> values) { file.read_f32(entry, values); });
  }
  io::require_whole(file.files());
  state.step = step;
  state.updates = file.metadata_count("updates");
  state.refused_in_a_row = file.metadata_count("refused_in_a_row");
  state.losses = std::move(health.losses);
}

}  // namespace ddim::engine::train
