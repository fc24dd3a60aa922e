#include "model/model_files.h"

#include <algorithm>
#include <charconv>

#include "base/error.h"
#include "base/file_input.h"
#include "base/file_output.h"
#include "io/diffusers_layout.h"
#include "io/safetensors.h"
#include "io/sharded_safetensors.h"
#include "io/torch_file.h"
#include "io/yaml.h"
#include "model/checkpoint_health.h"
#include "model/file_configs.h"
#include "model/naming.h"
#include "model/network_config.h"
#include "model/official_config.h"
#include "model/official_names.h"
#include "model/official_order.h"
#include "model/overrides.h"
#include "model/run_folder.h"
#include "model/training_names.h"
#include "model/weight_choice.h"

namespace ddim::engine::model {
namespace {

namespace fs = std::filesystem;

constexpr std::uint64_t kMaxYamlBytes = std::uint64_t{1} << 20;
constexpr const char* kCheckpointPrefix = "checkpoint-";  // of accelerate; then the step

void keep(ModelFiles& files, const io::TensorTable& table) {
  files.files.insert(files.files.end(), table.files().begin(), table.files().end());
}

void append(std::vector<std::string>& notes, std::vector<std::string> more) {
  notes.insert(notes.end(), more.begin(), more.end());
}

/// "checkpoint-500" of "runs/x/checkpoint-500/" too.
std::string folder_name(const fs::path& folder) {
  if (folder.empty()) return "";  // of a model in memory
  return (fs::absolute(folder) / "").lexically_normal().parent_path().filename().string();
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

/// Adam's moments, which are numbered in the official order, under the names of the parameters.
StoredWeights by_name(std::vector<io::TensorEntry> numbered, const io::TensorTable& weights,
                      const UNetConfig& config) {
  std::vector<std::string> names;
  for (const io::TensorEntry& entry : weights.entries()) names.push_back(entry.name);
  if (names.size() != numbered.size())
    fail(ErrorCode::corrupt, weights.path().string(), ": the optimizer has ", numbered.size(),
         " parameters, the model ", names.size());
  const std::vector<std::size_t> order = official_order(names);
  for (std::size_t i = 0; i < numbered.size(); ++i) numbered[i].name = names[order[i]];
  const io::TensorTable table(weights.path(), {}, std::move(numbered));
  return match_weights(table, Naming::official, config);
}

/// A file of weights, and what of them is used.
struct OpenedWeights {
  TorchCheckpoint checkpoint;
  ChosenWeights chosen;
};

class ModelOpener {
 public:
  ModelOpener(TrainingPart training, const ModelOverrides& overrides, const io::FileTree& tree,
              const std::optional<ForwardProcess>& process)
      : training_(training), overrides_(overrides), tree_(tree), process_(process) {}

  ModelFiles open(const fs::path& named) const {
    const fs::path path = existing(named);
    if (!tree_.is_folder(path)) return open_file(path, path);
    const fs::path official = is_diffusers_folder(path) ? fs::path() : official_weights_path(path);
    return official.empty() ? open_diffusers_folder(path, {}) : open_file(official, path);
  }

  /// Without the weights, unless they are all there is to say what the network is.
  ModelFiles open_configuration(const fs::path& named) const {
    const fs::path path = existing(named);
    if (!tree_.is_folder(path)) return open_file(path, path);
    if (is_diffusers_folder(path)) {
      ModelFiles files = configuration_of(path, layout_of(path));
      files.training_data = training_data_in(path);
      files.training_config = training_config_in(path);
      return files;
    }
    if (auto found = official_config_in(path)) {
      apply_process(overrides_, found->config.scheduler, found->path.string());
      return {.kind = "configuration of the official code",
              .path = path,
              .config = found->config.network,
              .scheduler = found->config.scheduler,
              .scheduler_path = found->path,
              .weights = {},
              .files = {}};
    }
    const fs::path official = official_weights_path(path);
    return official.empty() ? configuration_of(path, layout_of(path)) : open_file(official, path);
  }

 private:
  fs::path existing(const fs::path& named) const {
    require(tree_.exists(named), named.string(), ": no such file or folder");
    return newest_checkpoint(named, tree_);
  }

  bool is_diffusers_folder(const fs::path& folder) const {
    return tree_.exists(folder / io::kModelIndexFile) ||
           tree_.exists(folder / io::DiffusersLayout{}.unet) ||
           tree_.exists(folder / io::kAverageFolder);
  }

  std::string read_json(const fs::path& path) const { return tree_.read(path, io::kMaxJsonBytes); }

  OpenedWeights open_weights(const fs::path& path) const {
    TorchCheckpoint checkpoint = contents_of(path);
    ChosenWeights chosen = choose_weights(checkpoint.dictionaries);
    append(chosen.notes, checkpoint.notes);
    return {std::move(checkpoint), std::move(chosen)};
  }

  /// The contents of a file of weights, under the file's own names.
  TorchCheckpoint contents_of(const fs::path& path) const {
    if (path.filename() == "config.json" || path.filename() == io::kModelIndexFile)
      fail(ErrorCode::user, path.string(),
           ": the configuration of a model, not its weights; name the folder that it lies in");
    if (path.extension() == ".json")
      return {.kind = "safetensors in parts",
              .dictionaries = {{.tensors = io::open_sharded_safetensors(path, tree_)}}};
    std::shared_ptr<const io::MappedFile> file = tree_.map(path);
    if (io::looks_like_torch(file->bytes())) return open_torch_checkpoint(path, std::move(file));
    return {.kind = "safetensors",
            .dictionaries = {{.tensors = io::SafetensorsFile::open(path, std::move(file))}}};
  }

  // --- diffusers folders ---

  io::DiffusersLayout layout_of(const fs::path& folder) const {
    io::DiffusersLayout layout = io::find_diffusers_layout(
        [&](const std::string& name) { return tree_.exists(folder / name); });
    io::DiffusersLayout average = layout;
    average.unet = io::kAverageFolder;
    return tree_.exists(folder / average.unet_config()) ? average : layout;
  }

  void require_model_folder(const fs::path& folder, const io::DiffusersLayout& layout) const {
    require(tree_.exists(folder / layout.unet_config()), folder.string(),
            ": not a model's folder: it has neither ", io::DiffusersLayout{}.unet_config(), " nor ",
            layout.unet_config());
  }

  fs::path diffusers_weights_path(const fs::path& folder, const io::DiffusersLayout& layout) const {
    for (const std::string& name : layout.weights())
      if (tree_.exists(folder / name)) return folder / name;
    const fs::path missing = folder / layout.written_weights();
    const fs::path parts = missing.parent_path() / "diffusion_pytorch_model.bin.index.json";
    require(!tree_.exists(parts), parts.string(),
            ": weights in parts that PyTorch wrote are not read; save the model with "
            "save_pretrained(..., safe_serialization=True)");
    fail(ErrorCode::user, missing.string(),
         ": no such file; the weights of the model are missing. A file of another name, such as "
         "a variant, must be named itself");
  }

  /// What is not used of a configuration may change what the model draws.
  static void note_unknown(const std::vector<std::string>& keys, const fs::path& path,
                           std::vector<std::string>& notes) {
    if (!keys.empty())
      notes.push_back(concat(path.string(), ": not known here and not used: ", join(keys, ", ")));
  }

  UNetConfig network_in(const fs::path& config_path, std::vector<std::string>& notes) const {
    io::UNetFileConfig file = io::parse_unet_config(read_json(config_path), config_path.string());
    note_unknown(file.unknown_keys, config_path, notes);
    apply_size(overrides_, file);
    return network_config(file, named_with_size(config_path.string(), overrides_));
  }

  /// The scheduler's file: in the folder or, for a checkpoint of accelerate or a network's own
  /// folder, in the model's folder above. The first place where there is none.
  fs::path scheduler_path(const fs::path& folder, const io::DiffusersLayout& layout) const {
    const fs::path own = folder / layout.scheduler_config();
    if (tree_.exists(own) || folder.empty()) return own;
    for (fs::path place = folder; folder_name(place).starts_with("unet") ||
                                  folder_name(place).starts_with(kCheckpointPrefix);) {
      place = (place / "..").lexically_normal();
      const fs::path above = place / io::DiffusersLayout{}.scheduler_config();
      if (tree_.exists(above)) return above;
    }
    return own;
  }

  void read_scheduler(const fs::path& folder, const io::DiffusersLayout& layout,
                      ModelFiles& files) const {
    files.scheduler_path = scheduler_path(folder, layout);
    const std::string name = files.scheduler_path.string();
    if (!tree_.exists(files.scheduler_path) && process_) {
      files.scheduler = file_config(*process_);
      apply_process(overrides_, files.scheduler, name);
      files.notes.push_back("the schedule is that of the configuration; there is no " + name);
      return;
    }
    if (!tree_.exists(files.scheduler_path)) {
      files.scheduler = scheduler_from(overrides_, name);
      return;
    }
    files.scheduler = io::parse_scheduler_config(read_json(files.scheduler_path), name);
    note_unknown(files.scheduler.unknown_keys, files.scheduler_path, files.notes);
    apply_process(overrides_, files.scheduler, name);
    if (files.scheduler_path != folder / layout.scheduler_config())
      files.notes.push_back("the schedule is that of the finished model, " + name);
  }

  static std::uint32_t training_data_of(const io::TensorTable& state) {
    return static_cast<std::uint32_t>(state.metadata_count("data_crc32"));
  }
  /// What a checkpoint of ours was trained on; nothing for others, and where its state is damaged:
  /// who opens the whole model is told.
  std::optional<std::uint32_t> training_data_in(const fs::path& folder) const {
    const fs::path state = folder / kStateFile;
    if (!tree_.exists(state)) return std::nullopt;
    try {
      return training_data_of(io::SafetensorsFile::open(state, tree_.map(state)));
    } catch (const Error&) {
      return std::nullopt;
    }
  }

  /// The same of what its run was told.
  std::string training_config_in(const fs::path& folder) const {
    if (!tree_.exists(folder / kStateFile) || !tree_.exists(folder / kConfigFile)) return {};
    try {
      return tree_.read(folder / kConfigFile, io::kMaxJsonBytes);
    } catch (const Error&) {
      return {};
    }
  }

  /// Adds what our checkpoints have beyond a diffusers folder.
  void add_training_state(const fs::path& path, ModelFiles& files) const {
    const io::TensorTable state = io::SafetensorsFile::open(path, tree_.map(path));
    const auto part = [&](std::string_view prefix) {
      return match_weights(part_of(state, prefix), Naming::diffusers, files.config);
    };
    files.kind = "checkpoint of ddim train";
    files.trained = part(kTrainedPrefix);
    files.adam = StoredAdam{.m = part(kAdamMPrefix),
                            .v = part(kAdamVPrefix),
                            .num_updates = state.metadata_count("updates")};
    files.step = state.metadata_count("step");
    files.training_data = training_data_of(state);
    files.training_config = training_config_in(path.parent_path());
    keep(files, state);
  }

  static void add_listed_files(const fs::path& folder, ModelFiles& files) {
    constexpr std::string_view kModelFiles[] = {"unet/", "scheduler/", io::kModelIndexFile,
                                                kStateFile};
    const auto entries = read_manifest(folder);
    if (!entries) {
      const bool of_checkpoint = is_there(folder / kStateFile) && is_there(folder / kManifestName);
      if (of_checkpoint || is_damaged_manifest(folder))
        files.damage = concat((folder / kManifestName).string(),
                              " is damaged: what it says of the other files cannot be read");
      return;
    }
    for (const ManifestEntry& entry : *entries)
      if (std::ranges::any_of(kModelFiles, [&](auto part) { return entry.name.starts_with(part); }))
        files.listed.push_back({.path = folder / entry.name, .sha256 = entry.sha256});
  }

  /// All of a diffusers folder but its weights.
  ModelFiles configuration_of(const fs::path& folder, const io::DiffusersLayout& layout) const {
    require_model_folder(folder, layout);
    const fs::path index_path = folder / io::kModelIndexFile;
    io::ModelNames names;
    if (tree_.exists(index_path))
      names = io::parse_model_index(read_json(index_path), index_path.string()).names;

    std::vector<std::string> notes;
    ModelFiles files{.kind = "diffusers folder",
                     .path = folder,
                     .config = network_in(folder / layout.unet_config(), notes),
                     .scheduler = {},
                     .scheduler_path = {},
                     .names = std::move(names),
                     .weights = {},
                     .notes = std::move(notes),
                     .files = {}};
    read_scheduler(folder, layout, files);
    return files;
  }

  /// With the weights in `weights_path` or, if that is empty, those that diffusers would load.
  ModelFiles open_diffusers_folder(const fs::path& folder, const fs::path& weights_path) const {
    io::DiffusersLayout layout = layout_of(folder);
    if (!weights_path.empty() && layout.unet == io::kAverageFolder)
      layout.unet = io::DiffusersLayout{}.unet;  // whose file was named
    ModelFiles files = configuration_of(folder, layout);
    const OpenedWeights opened =
        open_weights(weights_path.empty() ? diffusers_weights_path(folder, layout) : weights_path);
    files.weights = match_weights(opened.chosen.weights, Naming::diffusers, files.config);
    if (opened.chosen.trained)
      files.trained = match_weights(*opened.chosen.trained, Naming::diffusers, files.config);
    append(files.notes, opened.chosen.notes);
    keep(files, opened.chosen.weights);
    files.damage = opened.checkpoint.damage;
    files.adam_problem = opened.checkpoint.adam_problem;
    if (opened.checkpoint.adam)
      files.adam_problem = opened.chosen.weights.path().string() +
                           ": Adam's state is read in the official order only";
    if (weights_path.empty()) add_accelerate_parts(folder, layout, files);
    const fs::path state = folder / kStateFile;
    if (training_ == TrainingPart::read && tree_.exists(state)) add_training_state(state, files);
    append(files.notes, notes_on(overrides_));
    if (std::string note = health_note(folder, tree_); !note.empty())
      files.notes.push_back(std::move(note));
    if (&tree_ == &io::files_on_disk()) add_listed_files(folder, files);
    return files;
  }

  /// Adds the trained weights beside an average, and what the name of a checkpoint-N tells.
  void add_accelerate_parts(const fs::path& folder, const io::DiffusersLayout& layout,
                            ModelFiles& files) const {
    const io::DiffusersLayout trained;
    if (layout.unet == io::kAverageFolder && tree_.exists(folder / trained.unet_config())) {
      const OpenedWeights opened = open_weights(diffusers_weights_path(folder, trained));
      files.trained = match_weights(opened.chosen.weights, Naming::diffusers,
                                    network_in(folder / trained.unet_config(), files.notes));
      keep(files, opened.chosen.weights);
      if (!opened.checkpoint.damage.empty()) files.damage = opened.checkpoint.damage;
      files.notes.emplace_back(
          "two sets of weights: unet_ema/ is the moving average, unet/ as trained; choose the "
          "weights ema (the default) or raw");
    } else if (layout.unet == io::kAverageFolder) {
      files.notes.emplace_back("the weights are those in unet_ema/, a moving average");
    }
    const std::string name = folder_name(folder);
    if (!name.starts_with(kCheckpointPrefix)) return;
    files.kind = "checkpoint of accelerate";
    const char* const number = name.data() + std::string_view(kCheckpointPrefix).size();
    std::from_chars(number, name.data() + name.size(), files.step);
    if (const fs::path path = folder / "optimizer.bin"; tree_.exists(path))
      files.adam_problem = concat(
          path.string(), ": this state is not read: ", describe_optimizer(path, tree_.map(path)));
  }

  // --- files of the official code ---

  struct FoundConfig {
    OfficialConfig config;
    fs::path path;  ///< the file that it is from
  };

  /// config.json or config.yml of the official code in a folder.
  std::optional<FoundConfig> official_config_in(const fs::path& folder) const {
    if (const fs::path path = folder / "config.json"; tree_.exists(path)) {
      io::JsonFields fields(read_json(path), path.string());
      if (!is_official_config(fields)) return std::nullopt;
      return FoundConfig{parse_official_config(std::move(fields), overrides_), path};
    }
    for (const char* name : {"config.yml", "config.yaml"}) {
      const fs::path path = folder / name;
      if (!tree_.exists(path)) continue;
      io::JsonFields fields = io::parse_yaml(tree_.read(path, kMaxYamlBytes), path.string());
      if (!is_official_config(fields)) continue;
      return FoundConfig{parse_official_config(std::move(fields), overrides_), path};
    }
    return std::nullopt;
  }

  /// Network and schedule: from a configuration beside the file, else in it, else from the weights.
  FoundConfig find_config(const TorchCheckpoint& checkpoint, const io::TensorTable& weights,
                          std::vector<std::string>& notes) const {
    const fs::path path = weights.path();
    if (auto found = official_config_in(path.parent_path())) return std::move(*found);
    if (!checkpoint.config_json.empty())
      return {.config = parse_official_config(io::JsonFields(checkpoint.config_json, path.string()),
                                              overrides_),
              .path = path};
    const UNetConfig network = official_config_of(weights, overrides_);
    notes.push_back(concat("there is no configuration beside the file: pictures of ",
                           network.width(), "x", network.height(),
                           " and the schedule of the DDIM paper"));
    return {.config = {.network = network, .scheduler = file_config(ForwardProcess{})},
            .path = path};
  }

  ModelFiles official_model(const fs::path& named, const OpenedWeights& opened) const {
    const auto& [checkpoint, chosen] = opened;
    std::vector<std::string> notes;
    if (!is_official_list(checkpoint)) notes = chosen.notes;
    auto [config, config_path] = find_config(checkpoint, chosen.weights, notes);
    apply_process(overrides_, config.scheduler, config_path.string());
    const UNetConfig& network = config.network;
    ModelFiles files{.kind = checkpoint.kind,
                     .path = named,
                     .config = network,
                     .scheduler = config.scheduler,
                     .scheduler_path = config_path,
                     .weights = match_weights(chosen.weights, Naming::official, network),
                     .adam_problem = checkpoint.adam_problem,
                     .epoch = checkpoint.epoch,
                     .step = checkpoint.step,
                     .notes = std::move(notes),
                     .files = {}};
    keep(files, chosen.weights);
    files.damage = checkpoint.damage;
    if (chosen.trained) files.trained = match_weights(*chosen.trained, Naming::official, network);
    if (checkpoint.adam) add_adam(*checkpoint.adam, chosen.weights, files);
    append(files.notes, notes_on(overrides_));
    return files;
  }

  /// Whose two sets of weights need no explanation.
  static bool is_official_list(const TorchCheckpoint& checkpoint) {
    return checkpoint.kind == kOfficialCheckpoint;
  }

  static void add_adam(const TorchAdam& adam, const io::TensorTable& weights, ModelFiles& files) {
    try {
      files.adam = StoredAdam{.m = by_name(adam.m, weights, files.config),
                              .v = by_name(adam.v, weights, files.config),
                              .num_updates = adam.num_updates,
                              .settings = adam.settings};
    } catch (const Error& error) {
      files.adam_problem = error.what();
    }
  }

  /// The file of weights in a folder of the official code; empty for other folders.
  fs::path official_weights_path(const fs::path& folder) const {
    const bool official = official_config_in(folder).has_value();
    for (const char* name : {"unet.safetensors", "ckpt.pth"})
      if (tree_.exists(folder / name) && (official || !tree_.exists(folder / "config.json")))
        return folder / name;
    require(!official, (folder / "unet.safetensors").string(),
            ": no such file, nor ckpt.pth; expected the official weights");
    return {};
  }

  // --- files ---

  ModelFiles open_file(const fs::path& path, const fs::path& named) const {
    const OpenedWeights opened = open_weights(path);
    if (naming_of(opened.chosen.weights) == Naming::official) return official_model(named, opened);
    // diffusers' weights need the files of their folder: a model's unet/, or a flat one.
    const fs::path folder = fs::absolute(path).parent_path();
    const bool in_unet = folder.filename() / "" == io::DiffusersLayout{}.unet;
    require(tree_.exists(folder / "config.json"), path.string(),
            ": the weights of a diffusers network, without its config.json; name the model's "
            "folder");
    return open_diffusers_folder(in_unet ? folder.parent_path() : folder, path);
  }

  TrainingPart training_;
  const ModelOverrides& overrides_;
  const io::FileTree& tree_;
  const std::optional<ForwardProcess>& process_;
};

}  // namespace

const StoredWeights& ModelFiles::weights_of(std::optional<WeightSet> set) const {
  if (!set) return weights;
  require(trained.has_value(), path.string(), ": has only one set of weights; do not choose one");
  return *set == WeightSet::raw ? *trained : weights;
}

ModelFiles open_model(const fs::path& path, TrainingPart training, const ModelOverrides& overrides,
                      const io::FileTree& tree, const std::optional<ForwardProcess>& process) {
  ModelFiles files = ModelOpener(training, overrides, tree, process).open(path);
  files.scheduler_name = named_with_process(files.scheduler_path.string(), overrides);
  return files;
}

ModelFiles open_configuration(const fs::path& path, const ModelOverrides& overrides) {
  const std::optional<ForwardProcess> process;
  ModelFiles files = ModelOpener(TrainingPart::skip, overrides, io::files_on_disk(), process)
                         .open_configuration(path);
  files.scheduler_name = named_with_process(files.scheduler_path.string(), overrides);
  return files;
}

}  // namespace ddim::engine::model
