#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "model/model_files.h"
#include "train/train_config.h"
#include "train/training_state.h"

namespace ddim::train {

/// model::open_model(), and for a checkpoint of ours what only its config.toml says: the settings
/// of Adam, with the learning rate of its last step.
model::ModelFiles open_checkpoint(const std::filesystem::path& path);

/// Goes on from `files`, made by this program or another: weights, and, where they are there, their
/// average, Adam's moments, the number of updates and of steps. Without an average this begins at
/// the weights; without moments training begins at step 0, and what the network predicts may
/// change. Returns a line for that, and for each setting of Adam in which the files and `config`
/// differ: `config` is what counts. Error(user), naming the first field that differs, when the
/// network is another one than config.model, or predicts something else and brings moments.
std::vector<std::string> take_over(const model::ModelFiles& files, const TrainConfig& config,
                                   TrainingState& state);

}  // namespace ddim::train
