#pragma once

#include <ddim/run_options.h>

#include <cstdint>
#include <filesystem>
#include <string_view>
#include <vector>

#include "data/dataset.h"
#include "run/network.h"
#include "train/train_config.h"
#include "train/training_state.h"

namespace ddim::engine::train {

/// The network with the averaged weights of `state`.
run::TrainedNetwork averaged_network(const TrainConfig& config, const TrainingState& state);

/// Every class that the training pictures have, for a network that is told it; otherwise empty.
std::vector<std::int64_t> classes_in_turn(const UNetConfig& model, const data::Dataset& training);

/// Whether a folder has the grid of a step.
bool has_sample_grid(const std::filesystem::path& folder, std::int64_t step);
/// Whether it is the name of the grid of a step.
bool is_sample_grid_name(std::string_view name);

/// Writes folder/step-00001000.png: output.sample_count images from the averaged weights of
/// `state`, by DDIM (eta 0, output.sample_clip) in output.sample_steps steps (linear tau), from the
/// noise of training.seed, enlarged to a readable size under a line that names the step. The
/// classes of `training` are cycled through, and a column has one class, with its name or number
/// above, where a row has room for all of them (20). Pictures of more than 4 channels go into a
/// .safetensors file instead. The recipe stands in a text chunk. The folder is made where it is
/// missing, but not the one that it lies in: Error(io). A file of this name is replaced: it had the
/// same content.
void write_sample_grid(const std::filesystem::path& folder, const TrainConfig& config,
                       const data::Dataset& training, const RunOptions& run,
                       const TrainingState& state);

}  // namespace ddim::engine::train
