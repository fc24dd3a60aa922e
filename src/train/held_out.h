#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "data/dataset.h"
#include "train/train_config.h"

namespace ddim::engine::train {

/// What a run trains on, and what its loss is measured on, where that is wanted.
struct TrainingData {
  data::Dataset training;
  std::optional<data::Dataset> held_out;
};

/// Loads the pictures in `folder`, and those of config.data.validation; a notice of the latter says
/// how many of them are trained on as well. Errors as data::load_dataset(), which name
/// data.validation for its pictures, and Error(user) for a share that leaves no picture on either
/// side.
TrainingData load_training_data(const std::filesystem::path& folder, const TrainConfig& config);

/// The lines of both reports on files that were left out.
std::vector<std::string> skipped_files(const TrainingData& data);

/// What a run says first of its pictures, which come from `folder`: what was odd in the files or is
/// left out, how many there are, and their classes.
std::vector<std::string> lines_on(const TrainingData& data, const std::filesystem::path& folder,
                                  const TrainConfig& config);

/// Moves image k of `dataset` to the result whenever k * share passes a whole number: the last of
/// each 1 / share images, so that a set which is sorted by class loses some of each.
data::Dataset hold_out(data::Dataset& dataset, double share);

}  // namespace ddim::engine::train
