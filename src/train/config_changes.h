#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "train/train_config.h"

namespace ddim::engine::train {

/// A key that was given another value when a run was resumed, with both as in its config.toml.
struct ConfigChange {
  std::int64_t step = 0;  ///< steps done then
  std::string key = {};   ///< "training.learning_rate"
  std::string before = {}, after = {};
};

/// What the overrides.csv in a run's folder holds, in the order of time; nothing when there is no
/// such file. Error(corrupt) for a line that is none, Error(io) for a file that cannot be read.
std::vector<ConfigChange> read_changes(const std::filesystem::path& run);

/// Adds to that file, durably, those that are not the last change of their key already.
void record_changes(const std::filesystem::path& run, const std::vector<ConfigChange>& changes);

/// The keys that differ between two configurations, but for those that any resumed run may change.
std::vector<ConfigChange> changes_between(const TrainConfig& before, const TrainConfig& after,
                                          std::int64_t step);

/// Accepts the value that `config` has of each key that was named by --override.
void accept_named(const std::vector<std::string>& overrides, const TrainConfig& config,
                  AcceptedChanges& accepted);

/// Adds the last value of each key.
void accept(const std::vector<ConfigChange>& changes, AcceptedChanges& accepted);

}  // namespace ddim::engine::train
