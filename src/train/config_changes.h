#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "train/train_config.h"

namespace ddim::engine::train {

inline constexpr const char* kOverridesFile = "overrides.csv";

/// A key that was given another value when a run was resumed, with both as in its config.toml.
struct ConfigChange {
  std::int64_t step = 0;  ///< steps done then
  std::string key = {};   ///< "training.learning_rate"
  std::string before = {}, after = {};
  bool operator==(const ConfigChange&) const = default;
};

/// What the overrides.csv in a run's folder holds, in the order of time; nothing when there is no
/// such file. Error(corrupt) for a line that is none, Error(io) for a file that cannot be read.
std::vector<ConfigChange> read_changes(const std::filesystem::path& run);

/// Makes it, durably, the list of a run that goes on after `step` with these changes: what it has
/// of this step and later ones is of steps that are done again, or of a session that did none.
void record_changes(const std::filesystem::path& run, std::int64_t step,
                    const std::vector<ConfigChange>& changes);

/// The keys that a run may change and that decide its result, as far as they differ between two
/// configurations.
std::vector<ConfigChange> changes_between(const TrainConfig& before, const TrainConfig& after,
                                          std::int64_t step);

/// Accepts the value that `config` has of each key that was named by --override.
void accept_named(const std::vector<std::string>& overrides, const TrainConfig& config,
                  AcceptedChanges& accepted);

/// Accepts the values of all keys that may change in a run.
void accept_all(const TrainConfig& config, AcceptedChanges& accepted);

/// Adds the last value of each key.
void accept(const std::vector<ConfigChange>& changes, AcceptedChanges& accepted);

}  // namespace ddim::engine::train
