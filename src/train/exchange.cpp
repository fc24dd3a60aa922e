#include "train/exchange.h"

#include <algorithm>

#include "base/error.h"
#include "model/file_configs.h"
#include "model/verification.h"
#include "train/rules.h"

namespace ddim::engine::train {
namespace {

namespace fs = std::filesystem;

std::string shown(const std::vector<std::int64_t>& numbers) {
  return concat("[", join(numbers, ", "), "]");
}

/// The size of the pictures may differ: no weight depends on it.
void require_same_network(const model::ModelFiles& files, const UNetConfig& config) {
  const UNetConfig& found = files.config;
  const auto need = [&](const char* field, const auto& theirs, const auto& ours) {
    require(theirs == ours, "train: ", files.path.string(), " has a different network: model.",
            field, " is ", theirs, " there but ", ours, " in the configuration");
  };
  need("channels", found.in_channels, config.in_channels);
  need("block_out_channels", shown(found.block_out_channels), shown(config.block_out_channels));
  need("base_channels", found.conv_in_channels(), config.conv_in_channels());
  need("layers_per_block", found.layers_per_block, config.layers_per_block);
  need("attention_levels", shown(found.attention_levels), shown(config.attention_levels));
  UNetConfig same = found;
  same.sample_size = config.sample_size;
  same.sample_width = config.sample_width;
  same.base_channels = config.base_channels;
  same.dropout = config.dropout;
  same.null_class = config.null_class;
  require(same == config, "train: ", files.path.string(),
          " has a different network: a field of [model] differs; see ddim info");
}

/// Weights alone may learn to predict something else, and a line says so; Adam's moments belong to
/// the prediction that they were gathered for.
std::vector<std::string> changed_prediction(const model::ModelFiles& files,
                                            const ForwardProcess& process) {
  const Prediction found =
      model::process_of(files.scheduler, files.scheduler_path.string()).prediction;
  if (found == process.prediction) return {};
  require(!files.adam, "train: ", files.path.string(), " predicts ", to_string(found),
          ", but diffusion.prediction is ", to_string(process.prediction),
          ", which does not suit the moments of Adam in that file. First write a model without "
          "them (ddim convert)");
  return {concat("the network predicted ", to_string(found), " and now learns to predict ",
                 to_string(process.prediction))};
}

std::vector<std::string> differences(const model::AdamSettings& theirs,
                                     const OptimisationConfig& ours, double learning_rate) {
  std::vector<std::string> lines;
  const auto compare = [&](const char* name, double before, double now) {
    if (before != now) lines.push_back(concat(name, " was ", before, " and is now ", now));
  };
  compare("the learning rate", theirs.learning_rate, learning_rate);
  compare("training.beta1", theirs.beta1, ours.beta1);
  compare("training.beta2", theirs.beta2, ours.beta2);
  compare("training.epsilon", theirs.epsilon, ours.epsilon);
  return lines;
}

}  // namespace

model::ModelFiles open_checkpoint(const fs::path& path, const ModelOverrides& overrides,
                                  const std::optional<ForwardProcess>& process) {
  model::ModelFiles files =
      model::open_model(path, model::TrainingPart::read, overrides, io::files_on_disk(), process);
  const fs::path config_path = path / "config.toml";
  if (files.adam && fs::exists(config_path)) {
    const OptimisationConfig training = load_train_config(config_path).training;
    files.adam->settings = {
        .learning_rate = learning_rate_at(training, std::max<std::int64_t>(files.step - 1, 0)),
        .beta1 = training.beta1,
        .beta2 = training.beta2,
        .epsilon = training.epsilon};
  }
  return files;
}

std::vector<std::string> take_over(const model::ModelFiles& files, const TrainConfig& config,
                                   TrainingState& state, Verification verification) {
  require_same_network(files, config.model);
  if (verification == Verification::check) model::verify_weights(files);
  std::vector<std::string> lines = changed_prediction(files, config.diffusion);
  model::read_weights(files.trained.value_or(files.weights), state.network);
  model::read_weights(files.weights, state.average);
  io::require_whole(files.files);
  if (!files.adam) {
    if (!files.adam_problem.empty())
      lines.push_back("the optimizer's state is not taken over: " + files.adam_problem);
    return lines;
  }
  model::read_tensors(files.adam->m, state.m);
  model::read_tensors(files.adam->v, state.v);
  io::require_whole(files.files);
  state.updates = files.adam->num_updates;
  state.step = std::max(files.step, files.adam->num_updates);
  return differences(files.adam->settings, config.training,
                     learning_rate_at(config.training, std::max<std::int64_t>(state.step - 1, 0)));
}

}  // namespace ddim::engine::train
