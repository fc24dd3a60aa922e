#pragma once

#include <ddim/verification.h>

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "model/model_files.h"
#include "train/train_config.h"
#include "train/training_state.h"

namespace ddim::engine::train {

/// A line that names the classes of `now` whose number had another name in a model whose classes
/// are called `before`; empty where there are none, and where one side has numbers alone.
std::string renamed_classes(const std::vector<std::string>& before,
                            const std::vector<std::string>& now);

/// model::open_model() and, for a checkpoint of ours, Adam's settings from its config.toml, with
/// the learning rate of its last step. `process` is that of a model whose files do not say it.
model::ModelFiles open_checkpoint(const std::filesystem::path& path,
                                  const ModelOverrides& overrides = {},
                                  const std::optional<ForwardProcess>& process = {});

/// Continues from `files`, made by this program or another: takes the weights and, where there are
/// any, their average, Adam's moments and the numbers of updates and steps. Without an average, it
/// starts at the weights. Moments belong to the loss that they were gathered for: where the
/// prediction, the schedule or the loss is another one now, they stay behind. Without moments,
/// training starts at step 0. Returns a line for a changed prediction, for moments that stay behind
/// and why, for each setting of Adam that differs between the files and `config`, which wins, and
/// for an optimizer's state that is not Adam's as it is here. Error(user), naming the first field
/// that differs, when the network is not config.model.
std::vector<std::string> take_over(const model::ModelFiles& files, const TrainConfig& config,
                                   TrainingState& state,
                                   Verification verification = Verification::check);

}  // namespace ddim::engine::train
