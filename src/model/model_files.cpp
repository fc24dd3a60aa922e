#include "model/model_files.h"

#include "base/error.h"
#include "io/diffusers_layout.h"
#include "io/safetensors.h"
#include "io/sharded_safetensors.h"
#include "io/torch_file.h"
#include "model/file_configs.h"
#include "model/naming.h"
#include "model/network_config.h"
#include "model/official_config.h"
#include "model/official_names.h"
#include "model/official_order.h"
#include "model/training_names.h"

namespace ddim::engine::model {
namespace {

namespace fs = std::filesystem;

constexpr std::uint64_t kMaxJsonBytes = std::uint64_t{16} << 20;  // trained_betas may be long

/// The contents of a file of weights, under the file's own names.
TorchCheckpoint open_weights(const io::FileTree& tree, const fs::path& path) {
  if (path.extension() == ".json")
    return {.kind = "safetensors in parts", .weights = io::open_sharded_safetensors(path, tree)};
  std::shared_ptr<const io::MappedFile> file = tree.map(path);
  if (io::looks_like_torch(file->bytes())) return open_torch_checkpoint(path, std::move(file));
  return {.kind = "safetensors", .weights = io::SafetensorsFile::open(path, std::move(file))};
}

void keep(ModelFiles& files, const io::TensorTable& table) {
  files.files.insert(files.files.end(), table.files().begin(), table.files().end());
}

// --- diffusers folders ---

io::DiffusersLayout layout_of(const io::FileTree& tree, const fs::path& folder) {
  return io::find_diffusers_layout(
      [&](const std::string& name) { return tree.exists(folder / name); });
}

void require_model_folder(const io::FileTree& tree, const fs::path& folder,
                          const io::DiffusersLayout& layout) {
  const bool has_config = tree.exists(folder / layout.unet_config());
  require(has_config || !tree.is_folder(folder / "checkpoints"), folder.string(),
          ": this is the folder of a training run; name one of its checkpoints, such as ",
          (folder / "checkpoints" / "step-N").string());
  require(has_config, folder.string(), ": not a model's folder: it has neither ",
          io::DiffusersLayout{}.unet_config(), " nor ", layout.unet_config());
}

fs::path diffusers_weights_path(const io::FileTree& tree, const fs::path& folder,
                                const io::DiffusersLayout& layout) {
  const std::vector<std::string> names = layout.weights();
  for (const std::string& name : names)
    if (tree.exists(folder / name)) return folder / name;
  fail(ErrorCode::user, (folder / names.front()).string(),
       ": no such file; the weights of the model are missing");
}

/// The tensors whose names begin with `prefix`, without it.
io::TensorTable part_of(const io::TensorTable& table, std::string_view prefix) {
  std::vector<io::TensorEntry> entries;
  for (io::TensorEntry entry : table.entries()) {
    if (!entry.name.starts_with(prefix)) continue;
    entry.name.erase(0, prefix.size());
    entries.push_back(std::move(entry));
  }
  return {table.path(), table.files(), std::move(entries)};
}

/// Adds what our checkpoints have beyond a diffusers folder.
void add_training_state(const io::FileTree& tree, const fs::path& path, ModelFiles& files) {
  const io::TensorTable state = io::SafetensorsFile::open(path, tree.map(path));
  const auto part = [&](std::string_view prefix) {
    return match_weights(part_of(state, prefix), Naming::diffusers, files.config);
  };
  files.kind = "checkpoint of ddim train";
  files.trained = part(kTrainedPrefix);
  files.adam = StoredAdam{.m = part(kAdamMPrefix),
                          .v = part(kAdamVPrefix),
                          .num_updates = state.metadata_count("updates")};
  files.step = state.metadata_count("step");
  keep(files, state);
}

/// With the weights in `weights_path` or, if that is empty, those that diffusers would load.
ModelFiles open_diffusers_folder(const io::FileTree& tree, const fs::path& folder,
                                 const fs::path& weights_path, TrainingPart training) {
  const io::DiffusersLayout layout = layout_of(tree, folder);
  require_model_folder(tree, folder, layout);
  const fs::path index_path = folder / io::kModelIndexFile;
  if (tree.exists(index_path))
    io::parse_model_index(tree.read(index_path, kMaxJsonBytes), index_path.string());

  const fs::path config_path = folder / layout.unet_config();
  const io::UNetFileConfig unet_config =
      io::parse_unet_config(tree.read(config_path, kMaxJsonBytes), config_path.string());
  const UNetConfig config = network_config(unet_config, config_path.string());
  const fs::path scheduler_path = folder / layout.scheduler_config();
  require(tree.exists(scheduler_path), scheduler_path.string(),
          ": no such file; it says what noise the model was trained with");
  const io::TensorTable table =
      open_weights(
          tree, weights_path.empty() ? diffusers_weights_path(tree, folder, layout) : weights_path)
          .weights;
  ModelFiles files{.kind = "diffusers folder",
                   .path = folder,
                   .config = config,
                   .scheduler = io::parse_scheduler_config(tree.read(scheduler_path, kMaxJsonBytes),
                                                           scheduler_path.string()),
                   .scheduler_path = scheduler_path,
                   .weights = match_weights(table, Naming::diffusers, config),
                   .files = {}};
  keep(files, table);
  const fs::path state = folder / "state.safetensors";
  if (training == TrainingPart::read && tree.exists(state)) add_training_state(tree, state, files);
  return files;
}

// --- files of the official code ---

/// Adam's moments, which are numbered in the official order, under the names of the parameters.
StoredWeights by_name(std::vector<io::TensorEntry> numbered, const TorchCheckpoint& checkpoint,
                      const UNetConfig& config) {
  const std::string file_name = checkpoint.weights.path().string();
  std::vector<std::string> names;
  for (const io::TensorEntry& entry : checkpoint.weights.entries()) names.push_back(entry.name);
  if (names.size() != numbered.size())
    fail(ErrorCode::corrupt, file_name, ": the optimizer has ", numbered.size(),
         " parameters, the model ", names.size());
  const std::vector<std::size_t> order = official_order(names);
  for (std::size_t i = 0; i < numbered.size(); ++i) numbered[i].name = names[order[i]];
  const io::TensorTable table(checkpoint.weights.path(), {}, std::move(numbered));
  return match_weights(table, Naming::official, config);
}

std::optional<std::string> official_config_text(const io::FileTree& tree, const fs::path& folder) {
  const fs::path path = folder / "config.json";
  if (!tree.exists(path)) return std::nullopt;
  std::string text = tree.read(path, kMaxJsonBytes);
  return is_official_config(text, path.string()) ? std::optional(std::move(text)) : std::nullopt;
}

/// Network and schedule: from config.json beside the file, else in it, else from the weights.
struct FoundConfig {
  OfficialConfig config;
  fs::path path;  ///< the file that it is from
};
FoundConfig find_config(const io::FileTree& tree, const TorchCheckpoint& checkpoint) {
  const fs::path path = checkpoint.weights.path();
  if (const auto text = official_config_text(tree, path.parent_path())) {
    const fs::path config_path = path.parent_path() / "config.json";
    return {.config = parse_official_config(*text, config_path.string()), .path = config_path};
  }
  if (!checkpoint.config_json.empty())
    return {.config = parse_official_config(checkpoint.config_json, path.string()), .path = path};
  return {.config = {.network = official_config_of(checkpoint.weights),
                     .scheduler = file_config(ForwardProcess{})},
          .path = path};
}

ModelFiles official_model(const io::FileTree& tree, const fs::path& path,
                          const TorchCheckpoint& checkpoint) {
  const auto [config, config_path] = find_config(tree, checkpoint);
  const UNetConfig& network = config.network;
  const auto matched = [&](const io::TensorTable& table) {
    return match_weights(table, Naming::official, network);
  };
  ModelFiles files{.kind = checkpoint.kind,
                   .path = path,
                   .config = network,
                   .scheduler = config.scheduler,
                   .scheduler_path = config_path,
                   .weights = matched(checkpoint.weights),
                   .epoch = checkpoint.epoch,
                   .step = checkpoint.step,
                   .files = {}};
  keep(files, checkpoint.weights);
  if (checkpoint.trained) files.trained = matched(*checkpoint.trained);
  if (checkpoint.adam) {
    files.adam = StoredAdam{.m = by_name(checkpoint.adam->m, checkpoint, files.config),
                            .v = by_name(checkpoint.adam->v, checkpoint, files.config),
                            .num_updates = checkpoint.adam->num_updates,
                            .settings = checkpoint.adam->settings};
  }
  return files;
}

/// The file of weights in a folder of the official code; empty for other folders.
fs::path official_weights_path(const io::FileTree& tree, const fs::path& folder) {
  const bool official = official_config_text(tree, folder).has_value();
  for (const char* name : {"unet.safetensors", "ckpt.pth"})
    if (tree.exists(folder / name) && (official || !tree.exists(folder / "config.json")))
      return folder / name;
  require(!official, (folder / "unet.safetensors").string(),
          ": no such file, nor ckpt.pth; expected the official weights");
  return {};
}

// --- files ---

ModelFiles open_file(const io::FileTree& tree, const fs::path& path, const fs::path& named,
                     TrainingPart training) {
  const TorchCheckpoint checkpoint = open_weights(tree, path);
  if (naming_of(checkpoint.weights) == Naming::official)
    return official_model(tree, named, checkpoint);
  // diffusers' weights need the files of their folder: a model's unet/, or a flat one.
  const fs::path folder = fs::absolute(path).parent_path();
  const bool in_unet = folder.filename() / "" == io::DiffusersLayout{}.unet;
  require(tree.exists(folder / "config.json"), path.string(),
          ": the weights of a diffusers network, without its config.json; name the model's "
          "folder");
  return open_diffusers_folder(tree, in_unet ? folder.parent_path() : folder, path, training);
}

}  // namespace

const StoredWeights& ModelFiles::weights_of(std::optional<WeightSet> set) const {
  if (!set) return weights;
  require(trained.has_value(), path.string(), ": has only one set of weights; leave out --weights");
  return *set == WeightSet::raw ? *trained : weights;
}

ModelFiles open_model(const fs::path& path, TrainingPart training, const io::FileTree& tree) {
  require(tree.exists(path), path.string(), ": no such file or folder");
  if (!tree.is_folder(path)) return open_file(tree, path, path, training);
  const bool is_diffusers =
      tree.exists(path / io::kModelIndexFile) || tree.exists(path / io::DiffusersLayout{}.unet);
  const fs::path official = is_diffusers ? fs::path() : official_weights_path(tree, path);
  return official.empty() ? open_diffusers_folder(tree, path, {}, training)
                          : open_file(tree, official, path, training);
}

}  // namespace ddim::engine::model
