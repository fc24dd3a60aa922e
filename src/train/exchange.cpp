#include "train/exchange.h"

#include <algorithm>
#include <cmath>
#include <iterator>

#include "base/error.h"
#include "data/class_list.h"
#include "diffusion/schedule.h"
#include "model/file_configs.h"
#include "model/training_names.h"
#include "model/verification.h"
#include "train/rules.h"
#include "train/train_config_keys.h"

namespace ddim::engine::train {
namespace {

namespace fs = std::filesystem;

/// Of a checkpoint of ours.
OptimisationConfig training_of(const model::ModelFiles& files) {
  return parse_train_config(files.training_config, (files.path / model::kConfigFile).string())
      .training;
}

std::string shown(const std::vector<std::int64_t>& numbers) {
  return concat("[", join(numbers, ", "), "]");
}

/// Which row of the table of classes means none decides what the others mean.
void require_same_classes(const model::ModelFiles& files, const UNetConfig& config) {
  const UNetConfig& found = files.config;
  const std::string path = files.path.string();
  if (found.class_embed_type == ClassEmbedType::lookup &&
      config.class_embed_type == ClassEmbedType::lookup) {
    require(found.null_class || !config.null_class, "train: ", path,
            " has a different network: it has no class that means none (null_class in its "
            "unet/config.json), and training.label_dropout asks for one; set "
            "training.label_dropout = 0.0");
    require(!found.null_class || config.null_class, "train: ", path,
            " has a different network: its class ", found.null_class.value_or(0),
            " means none, which needs training.label_dropout above 0.0 in the configuration");
  }
  const std::int64_t theirs = num_real_classes(found), ours = num_real_classes(config);
  require(theirs == ours, "train: ", path, " has a different network: model.num_classes is ",
          theirs, " there but ", ours, " in the configuration");
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
  require_same_classes(files, config);
  UNetConfig same = found;
  same.sample_size = config.sample_size;
  same.sample_width = config.sample_width;
  same.base_channels = config.base_channels;
  same.dropout = config.dropout;
  require(same == config, "train: ", files.path.string(),
          " has a different network: a field of [model] differs; see ddim info");
}

std::string was_and_is(std::string_view key, const auto& before, const auto& now) {
  return concat(key, " was ", before, " and is now ", now);
}

bool have_same_betas(const ForwardProcess& a, const ForwardProcess& b) {
  constexpr double kTolerance = 1e-6;  // of numbers that a file may have as floats
  const diffusion::Schedule one = diffusion::make_schedule(a), other = diffusion::make_schedule(b);
  return std::ranges::equal(one.betas(), other.betas(), [](double x, double y) {
    return std::abs(x - y) <= kTolerance * std::max(x, y);
  });
}

/// The keys of [diffusion] that give x_t another noise, as far as they differ.
std::vector<std::string> changed_schedule(const ForwardProcess& before, const ForwardProcess& now) {
  if (have_same_betas(before, now)) return {};
  std::vector<std::string> changes;
  const auto compare = [&](std::string_view key, const auto& theirs, const auto& ours) {
    if (theirs != ours) changes.push_back(was_and_is(key, theirs, ours));
  };
  compare("diffusion.schedule", to_string(before.schedule), to_string(now.schedule));
  compare("diffusion.T", before.T, now.T);
  compare("diffusion.beta_start", before.beta_start, now.beta_start);
  compare("diffusion.beta_end", before.beta_end, now.beta_end);
  compare("diffusion.zero_terminal_snr",
          before.terminal_snr == TerminalSnr::zero ? "true" : "false",
          now.terminal_snr == TerminalSnr::zero ? "true" : "false");
  if (changes.empty()) changes.emplace_back("diffusion.betas holds other numbers now");
  return changes;
}

/// The same of the loss, as far as the files say it.
std::vector<std::string> changed_loss(const model::ModelFiles& files,
                                      const OptimisationConfig& now) {
  if (files.training_config.empty()) return {};
  const OptimisationConfig before = training_of(files);
  std::vector<std::string> changes;
  if (before.loss != now.loss)
    changes.push_back(was_and_is("training.loss", to_string(before.loss), to_string(now.loss)));
  if (before.min_snr_gamma != now.min_snr_gamma)
    changes.push_back(
        was_and_is("training.min_snr_gamma", before.min_snr_gamma, now.min_snr_gamma));
  return changes;
}

/// Why Adam's moments in `files` are not those of the loss that is trained now.
std::vector<std::string> changed_objective(const model::ModelFiles& files,
                                           const ForwardProcess& found, const TrainConfig& now) {
  std::vector<std::string> changes;
  if (found.prediction != now.diffusion.prediction)
    changes.push_back(was_and_is("diffusion.prediction", to_string(found.prediction),
                                 to_string(now.diffusion.prediction)));
  std::ranges::move(changed_schedule(found, now.diffusion), std::back_inserter(changes));
  std::ranges::move(changed_loss(files, now.training), std::back_inserter(changes));
  return changes;
}

std::vector<std::string> differences(const model::AdamSettings& theirs,
                                     const OptimisationConfig& ours, double learning_rate) {
  std::vector<std::string> lines;
  const auto compare = [&](const char* name, double before, double now) {
    if (before != now) lines.push_back(was_and_is(name, before, now));
  };
  compare("the learning rate", theirs.learning_rate, learning_rate);
  compare("training.beta1", theirs.beta1, ours.beta1);
  compare("training.beta2", theirs.beta2, ours.beta2);
  compare("training.epsilon", theirs.epsilon, ours.epsilon);
  return lines;
}

}  // namespace

std::string renamed_classes(const std::vector<std::string>& before,
                            const std::vector<std::string>& now) {
  constexpr std::size_t kMaxNamed = 20;
  if (data::say_numbers_of(before, now) || data::say_numbers_of(now, before)) return "";
  std::vector<std::string> changes;
  for (std::size_t k = 0; k < std::min(before.size(), now.size()); ++k)
    if (before[k] != now[k])
      changes.push_back(concat("class ", k, " was ", before[k], " there and is ", now[k], " here"));
  const std::size_t more = changes.size() - std::min(changes.size(), kMaxNamed);
  changes.resize(changes.size() - more);
  return concat(join(changes, ", "), more > 0 ? concat(", and ", more, " more") : "");
}

model::ModelFiles open_checkpoint(const fs::path& path, const ModelOverrides& overrides,
                                  const std::optional<ForwardProcess>& process) {
  model::ModelFiles files =
      model::open_model(path, model::TrainingPart::read, overrides, io::files_on_disk(), process);
  if (files.adam && !files.training_config.empty()) {
    const OptimisationConfig training = training_of(files);
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
  const ForwardProcess found = model::process_of(files.scheduler, files.scheduler_path.string());
  std::vector<std::string> lines;
  if (found.prediction != config.diffusion.prediction)
    lines.push_back(concat("the network predicted ", to_string(found.prediction),
                           " and now learns to predict ", to_string(config.diffusion.prediction)));
  model::read_weights(files.trained.value_or(files.weights), state.network);
  model::read_weights(files.weights, state.average);
  io::require_whole(files.files);
  if (!files.adam) {
    if (!files.adam_problem.empty())
      lines.push_back("the optimizer's state is not taken over: " + files.adam_problem);
    return lines;
  }
  if (const std::vector<std::string> changes = changed_objective(files, found, config);
      !changes.empty()) {
    lines.push_back(
        concat("the optimizer starts anew, from step 0, as its moments are those of "
               "another loss: ",
               join(changes, ", ")));
    return lines;
  }
  model::read_tensors(files.adam->m, state.m);
  model::read_tensors(files.adam->v, state.v);
  io::require_whole(files.files);
  state.updates = files.adam->num_updates;
  state.step = std::max(files.step, files.adam->num_updates);
  std::ranges::move(
      differences(files.adam->settings, config.training,
                  learning_rate_at(config.training, std::max<std::int64_t>(state.step - 1, 0))),
      std::back_inserter(lines));
  return lines;
}

}  // namespace ddim::engine::train
