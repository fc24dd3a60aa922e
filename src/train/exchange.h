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

/// model::open_model() and, for a checkpoint of ours, Adam's settings from its config.toml, with
/// the learning rate of its last step. `process` is that of a model whose files do not say it.
model::ModelFiles open_checkpoint(const std::filesystem::path& path,
                                  const ModelOverrides& overrides = {},
                                  const std::optional<ForwardProcess>& process = {});

/// Continues from `files`, made by this program or another: takes the weights and, where there are
/// any, their average, Adam's moments and the numbers of updates and steps. Without an average, it
/// starts at the weights. Without moments, training starts at step 0, and the network may predict
/// something else from now on. Returns a line for that, and one for each setting of Adam that
/// differs between the files and `config`, which wins, and one for an optimizer's state that is
/// not Adam's as it is here. Error(user), naming the first field that
/// differs, when the network is not config.model, or predicts something else and has moments.
std::vector<std::string> take_over(const model::ModelFiles& files, const TrainConfig& config,
                                   TrainingState& state,
                                   Verification verification = Verification::check);

}  // namespace ddim::engine::train
