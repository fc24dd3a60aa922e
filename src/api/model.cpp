#include <ddim/model.h>

#include <set>

#include "api/model_implementation.h"
#include "backend/make_device.h"
#include "base/error.h"
#include "base/workers.h"
#include "hub/cache.h"
#include "model/file_configs.h"
#include "model/training_names.h"
#include "model/weights_hash.h"
#include "train/train_config.h"

namespace ddim {

using namespace engine;
namespace {

Device device_of(const LoadOptions& options) {
  return make_device(options.device,
                     {.precision = options.precision, .memory_use = options.memory_use});
}

// "fashion-mnist" for models/fashion-mnist/ as well; "owner/name" for what ddim pull fetched.
std::string name_of(const std::filesystem::path& folder) {
  if (const auto repository = hub::repository_of_snapshot(folder)) return *repository;
  const std::filesystem::path path = std::filesystem::weakly_canonical(folder);
  return path.filename().string();
}

/// "F32", or all types among the weights, each once.
std::string types_of(const model::StoredWeights& weights) {
  std::set<std::string_view> types;
  for (const io::TensorEntry& entry : weights) types.insert(to_string(entry.type));
  std::string text;
  for (const std::string_view type : types) text += concat(text.empty() ? "" : ", ", type);
  return text;
}

/// How a run of ours read its pictures; nothing for others, and where that is damaged, which is no
/// reason not to use the model.
std::optional<DataConfig> data_config_of(const model::ModelFiles& files) {
  if (files.training_config.empty()) return std::nullopt;
  try {
    return train::parse_train_config(files.training_config, model::kConfigFile).data;
  } catch (const Error&) {
    return std::nullopt;
  }
}

ModelInfo info_of(const model::ModelFiles& files) {
  const UNetConfig& config = files.config;
  std::int64_t num_parameters = 0;
  for (const io::TensorEntry& entry : files.weights) num_parameters += entry.num_elements();
  return {
      .name = files.names.model.empty() ? name_of(files.path) : files.names.model,
      .shape = config.picture_shape(),
      .num_parameters = num_parameters,
      .block_out_channels = config.block_out_channels,
      .attention_levels = config.attention_levels,
      .layers_per_block = config.layers_per_block,
      .learns_variance = config.out_channels == 2 * config.in_channels,
      .num_classes =
          config.class_embed_type == ClassEmbedType::lookup ? *config.num_class_embeds : 0,
      .class_names = files.names.classes,
      .null_class = config.null_class,
      .class_embed_type = config.class_embed_type,
      .process = model::process_of(files.scheduler, files.scheduler_name),
      .format = files.kind,
      .weight_type = types_of(files.weights),
      .has_both_weights = files.trained.has_value(),
      .has_adam = files.adam.has_value(),
      .step = files.step,
      .training_data = files.training_data,
      .data_config = data_config_of(files),
      .notes = files.notes,
  };
}

}  // namespace

ModelInfo describe_model(const std::filesystem::path& path, const ModelOverrides& overrides) {
  const model::ModelFiles files = model::open_model(path, model::TrainingPart::read, overrides);
  ModelInfo info = info_of(files);
  info.overrides = overrides;
  if (!files.adam_problem.empty())
    info.notes.push_back("training cannot take over the optimizer's state: " + files.adam_problem);
  return info;
}

Model ModelAccess::load(const model::ModelFiles& files, const LoadOptions& options) {
  model::LoadedModel model =
      model::load_model(files, device_of(options), options.weights, options.verification);
  ModelInfo info = info_of(files);
  info.device = model.device.describe();
  info.precision = options.precision;
  info.weights = options.weights;
  info.overrides = options.overrides;
  return Model(std::make_shared<const Model::Implementation>(std::move(model), std::move(info),
                                                             Weights::loaded));
}

Model Model::load(const std::filesystem::path& path, const LoadOptions& options) {
  return ModelAccess::load(model::open_model(path, model::TrainingPart::read, options.overrides),
                           options);
}

Model Model::load_from_memory(const std::map<std::string, std::span<const std::byte>>& files,
                              const LoadOptions& options) {
  const io::FilesInMemory tree(files);
  return ModelAccess::load(
      model::open_model({}, model::TrainingPart::read, options.overrides, tree), options);
}

Model Model::without_weights(const std::filesystem::path& path, const LoadOptions& options) {
  device_of(options);  // refuses what this machine does not have
  const model::ModelFiles files = model::open_configuration(path, options.overrides);
  model::LoadedModel model = model::model_without_weights(files);
  ModelInfo info = info_of(files);
  info.num_parameters = model.unet.num_parameters();
  info.precision = options.precision;
  info.overrides = options.overrides;
  return Model(
      std::make_shared<const Implementation>(std::move(model), std::move(info), Weights::left_out));
}

Model Model::from(Denoiser denoiser) {
  ForwardProcess process = denoiser.process;
  if (process.schedule == BetaKind::list) process.T = std::ssize(process.betas);
  ModelInfo info{.name = denoiser.name,
                 .shape = denoiser.shape,
                 .process = process,
                 .format = "custom denoiser"};
  run::TrainedNetwork trained{.network = run::make_network(std::move(denoiser)),
                              .schedule = diffusion::make_schedule(process),
                              .prediction = process.prediction};
  info.device = trained.network->device().describe();
  return Model(std::make_shared<const Implementation>(std::move(trained), std::move(info)));
}

void Model::trim() const {
  if (implementation_->loaded) model::trim(*implementation_->loaded);
}

void Model::Implementation::require_weights() const {
  require(weights == Weights::loaded, "model ", info.name,
          ": was opened without its weights, so it cannot be run; open it with Model::load()");
}

const std::string& Model::Implementation::weights_hash() const {
  require_weights();
  std::call_once(hashed_, [this] {
    weights_hash_ =
        loaded ? model::weights_hash(loaded->unet, num_threads_of(/*threads=*/0)) : "custom";
  });
  return weights_hash_;
}

const model::LoadedModel& ModelAccess::loaded(const Model& model, const char* what) {
  const auto& loaded = model.implementation_->loaded;
  require(loaded.has_value(), what, ": a custom denoiser has no scheduler file");
  return *loaded;
}

const std::string& Model::weights_hash() const { return implementation_->weights_hash(); }

const ModelInfo& Model::info() const { return implementation_->info; }

}  // namespace ddim
