#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "io/diffusers_config.h"
#include "train/train_config.h"
#include "train/training_state.h"

namespace ddim::engine::train {

/// The checkpoints of a run, in folders step-00001234:
///   model_index.json, unet/, scheduler/   the averaged weights as a diffusers folder: load it as a
///                                         model
///   state.safetensors   network/NAME, average/NAME, adam_m/NAME, adam_v/NAME, all f32, and as
///                       metadata step, updates, refused_in_a_row and the data's fingerprint. Its
///                       bytes are a function of the state alone
///   config.toml         the configuration
///   manifest.json       sizes and SHA-256 of all these
/// A folder gets its name once it is complete and on the disk. For one process at a time
/// (FileLock).
class CheckpointStore {
 public:
  /// Creates `folder` if needed, and removes the leftovers of interrupted writes.
  explicit CheckpointStore(std::filesystem::path folder);

  struct Newest {
    std::optional<std::filesystem::path> folder;  ///< the newest whose manifest verifies
    std::vector<std::string> skipped;             ///< one line for each newer one: why not
  };
  /// Error(io) when the system does not let a checkpoint be read: it may be a good one.
  Newest find_newest();

  /// Writes the checkpoint of state.step unless it is there and complete; a damaged one of this
  /// name is renamed to NAME.damaged. Error(numeric), and nothing written, when a value is not
  /// finite; Error(io) when the system refuses to write, or to read the one of this name.
  std::filesystem::path save(const TrainingState& state, const TrainConfig& config,
                             std::uint32_t data_fingerprint, const io::ModelNames& names = {});

  /// Removes all complete checkpoints except the newest `keep`; does not touch those that do not
  /// verify or cannot be read.
  void remove_old(std::int64_t keep);

 private:
  /// nullopt when the folder is complete, otherwise the reason. Remembers complete ones. Error(io)
  /// when it cannot be read.
  std::optional<std::string> verify(const std::filesystem::path& folder);
  bool is_known_complete(const std::filesystem::path& folder);

  std::filesystem::path folder_;
  std::set<std::filesystem::path> verified_;
};

/// Fills `state` from a checkpoint that verifies. Error(user), listing the differences, when the
/// configuration or the data have changed since; Error(corrupt) when the files do not contain what
/// they should.
void load_checkpoint(const std::filesystem::path& folder, const TrainConfig& config,
                     std::uint32_t data_fingerprint, TrainingState& state);

}  // namespace ddim::engine::train
