#pragma once

#include <ddim/data_options.h>
#include <ddim/train.h>

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "base/progress.h"
#include "tensor/device.h"
#include "train/checkpoint.h"
#include "train/held_out.h"

namespace ddim::engine::train {

// The folder of a run, but for what has a file of its own (metrics, tensorboard, checkpoint ...).

inline constexpr const char* kPlotFile = "loss.svg";
inline constexpr const char* kSamplesFolder = "samples";

/// Error(user) for a folder that a run cannot begin or go on in.
void require_folder_for(const std::filesystem::path& folder, Start start);

/// Where the run's data are: as the caller says, or as the run was told before.
std::filesystem::path data_folder(const TrainOptions& options);

/// Error(user) for a run whose folder is inside a folder of pictures that it reads: its own grids
/// would be among them when it is resumed.
void require_outside_pictures(const std::filesystem::path& run,
                              const std::filesystem::path& data_folder, const TrainConfig& config,
                              const TrainingData& data);

/// A sentence, where a run goes on another machine than it was on before.
std::string machine_note(const std::filesystem::path& run, const Device& device);

/// Writes machine.txt, data.txt and classes.csv.
void write_run_files(const TrainOptions& options, const std::filesystem::path& data,
                     const std::vector<DataClass>& classes, const Device& device);

/// Removes what interrupted writes left in the folder and those in it, but for checkpoints/.
void remove_leftovers_of_run(const std::filesystem::path& run);

/// Removes what a run recorded and drew of steps after `step`, which it is about to do again,
/// beside its metrics: events for TensorBoard (whether or not it goes on to write them) and grids
/// of samples. Error(io), but for events, of which a line says that they stay.
void forget_later_steps(const std::filesystem::path& run, std::int64_t step, Progress& progress);

/// Moves what a run did after `step` aside, so that it can do these steps again: checkpoints and
/// samples, and copies of its records. Each stays on its disk: where checkpoints/ or samples/ is a
/// link to another one, they go into a folder in it, and abandoned-N/ has a link to that.
void abandon_later_steps(const std::filesystem::path& run, std::int64_t step,
                         CheckpointStore& checkpoints, Progress& progress);

}  // namespace ddim::engine::train
