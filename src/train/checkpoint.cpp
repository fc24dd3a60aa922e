#include "train/checkpoint.h"

#include <algorithm>
#include <utility>

#include "base/error.h"
#include "base/file_output.h"
#include "io/safetensors.h"
#include "model/file_configs.h"
#include "model/model.h"
#include "model/run_folder.h"
#include "model/training_names.h"

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

}  // namespace

CheckpointStore::CheckpointStore(fs::path folder) : folder_(std::move(folder)) {
  make_folders(folder_);
  std::vector<fs::path> leftovers;
  for (const fs::directory_entry& entry : fs::directory_iterator(folder_)) {
    if (is_temporary_name(entry.path().filename().string())) leftovers.push_back(entry.path());
  }
  for (const fs::path& leftover : leftovers) fs::remove_all(leftover);
}

std::optional<std::string> CheckpointStore::verify(const fs::path& folder) {
  if (verified_.contains(folder)) return std::nullopt;
  std::optional<std::string> problem = verify_manifest(folder);
  if (!problem) verified_.insert(folder);
  return problem;
}

bool CheckpointStore::is_known_complete(const fs::path& folder) {
  try {
    return !verify(folder);
  } catch (const Error& error) {
    if (error.code() != ErrorCode::io) throw;
    return false;
  }
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
  }
  return newest;
}

fs::path CheckpointStore::save(const TrainingState& state, const TrainConfig& config,
                               std::uint32_t data_fingerprint, const io::ModelNames& names) {
  const fs::path path = folder_ / model::checkpoint_name(state.step);
  if (fs::exists(path)) {
    if (!verify(path)) return path;  // a step's state is always the same
    fs::path aside = path;
    aside += ".damaged";
    for (int i = 2; fs::exists(aside); ++i) aside = concat(path.string(), ".damaged-", i);
    fs::rename(path, aside);
  }
  std::vector<io::TensorSource> sources;
  const auto tensors = named_tensors(state);
  for (const auto& [name, tensor] : tensors)
    sources.push_back({.name = name, .shape = dims_of(tensor), .values = tensor.values<float>()});
  io::Metadata metadata{{"format", "ddim training state 1"},
                        {"step", std::to_string(state.step)},
                        {"updates", std::to_string(state.updates)},
                        {"refused_in_a_row", std::to_string(state.refused_in_a_row)},
                        {"data_crc32", std::to_string(data_fingerprint)}};

  DurableFolder folder(path, Manifest::write);
  std::vector<Tensor> average;
  for (const Parameter* parameter : state.average.parameters()) average.push_back(parameter->value);
  model::write_model_files(folder, state.average.config(),
                           model::weight_sources(state.average, average, io::StoredType::f32),
                           model::file_config(config.diffusion), names);
  folder.write_file("state.safetensors",
                    io::safetensors_content(std::move(sources), std::move(metadata)));
  folder.write_file("config.toml", to_toml(config));
  folder.commit();
  verified_.insert(path);
  return path;
}

void CheckpointStore::remove_old(std::int64_t keep) {
  std::int64_t kept = 0;
  for (const fs::path& folder : model::checkpoints_in(folder_)) {
    if (!is_known_complete(folder)) continue;
    if (++kept <= keep) continue;
    // Renamed first, so that a removal that is cut short leaves no folder of a checkpoint's name.
    fs::path doomed = folder;
    doomed += ".tmp-0";
    fs::rename(folder, doomed);
    fs::remove_all(doomed);
    verified_.erase(folder);
  }
}

void load_checkpoint(const fs::path& folder, const TrainConfig& config,
                     std::uint32_t data_fingerprint, TrainingState& state) {
  const io::SafetensorsFile file = io::SafetensorsFile::open(folder / "state.safetensors");
  const std::int64_t step = file.metadata_count("step");
  const std::vector<std::string> different =
      differences(config, load_train_config(folder / "config.toml"), step);
  if (!different.empty()) {
    fail(ErrorCode::user, "train: cannot resume from ", folder.string(),
         ": the configuration has changed:\n  ", join(different, "\n  "),
         "\nResume with the old values, or start a new run in another folder.");
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
    file.read_f32(file.at(name), tensor.values<float>());
    tensor.mark_modified();
  }
  state.step = step;
  state.updates = file.metadata_count("updates");
  state.refused_in_a_row = file.metadata_count("refused_in_a_row");
}

}  // namespace ddim::engine::train
