#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "io/diffusers_config.h"
#include "io/tensor_table.h"
#include "train/health.h"
#include "train/train_config.h"
#include "train/training_state.h"

namespace ddim::engine::train {

/// All that a checkpoint holds of a state: its values, in the state's own memory or in a copy.
struct StateValues {
  struct Values {
    std::string name;  ///< in state.safetensors
    std::vector<std::int64_t> shape;
    std::span<const float> values;
  };
  std::vector<Values> tensors = {};
  UNetConfig network = {};
  std::int64_t step = 0;
  io::Metadata metadata = {};
  Health health = {};
};

/// A copy of a state, in memory that is used again for the next one.
class StateCopy {
 public:
  const StateValues& take(const TrainingState& state);

 private:
  std::vector<float> memory_;
  StateValues values_;
};

/// The bytes of a copy.
std::int64_t num_bytes_of_copy(const TrainingState& state);

/// The checkpoints of a run, in folders step-00001234:
///   model_index.json, unet/, scheduler/   the averaged weights as a diffusers folder: load it as a
///                                         model
///   state.safetensors   network/NAME, average/NAME, adam_m/NAME, adam_v/NAME, all f32, and as
///                       metadata step, updates, refused_in_a_row and the data's fingerprint. Its
///                       bytes are a function of the state alone
///   health.json         Health: whether the weights are to be trusted, and the last losses
///   config.toml         the configuration
///   manifest.json       sizes and SHA-256 of all these
/// A folder gets its name once it is complete and on the disk. For one process at a time
/// (FileLock).
///
/// A checkpoint is healthy unless TrainingState::problem() had something to say when it was saved;
/// those of earlier versions are.
class CheckpointStore {
 public:
  /// Creates `folder` if needed, and removes the leftovers of interrupted writes.
  explicit CheckpointStore(std::filesystem::path folder);

  struct Newest {
    std::optional<std::filesystem::path> folder;      ///< the newest whose manifest verifies
    std::vector<std::string> skipped = {};            ///< one line for each newer one: why not
    std::vector<std::filesystem::path> damaged = {};  ///< these
  };
  /// Error(io) when the system does not let a checkpoint be read: it may be a good one.
  Newest find_newest();
  /// The checkpoint of a step. Error(user), naming those that are there, when there is none;
  /// Error(corrupt) when it does not verify; Error(io) as find_newest().
  std::filesystem::path find(std::int64_t step);

  /// Whether the checkpoint of a step is there and complete. Error(io) as find_newest().
  bool has(std::int64_t step);

  /// Writes the checkpoint of state.step unless it is there and complete; a damaged one of this
  /// name is renamed to NAME.damaged. Error(numeric), and nothing written, when a value is not
  /// finite; Error(io) when the system refuses to write, or to read the one of this name.
  std::filesystem::path save(const TrainingState& state, const TrainConfig& config,
                             std::uint32_t data_fingerprint, const io::ModelNames& names = {});
  /// The same of a copy.
  std::filesystem::path save(const StateValues& state, const TrainConfig& config,
                             std::uint32_t data_fingerprint, const io::ModelNames& names = {});

  /// Renames checkpoints that were found to be damaged to NAME.damaged, so that nobody takes them
  /// for the newest.
  void set_aside(const std::vector<std::filesystem::path>& damaged);

  /// Removes all complete checkpoints except the newest `keep`, the newest healthy one, and the
  /// newest model::TrustedCheckpoint with its follower, without which it would not be known to be
  /// one. Does not touch those that do not verify or cannot be read.
  void remove_old(std::int64_t keep);

  /// The newest model::TrustedCheckpoint, which remove_old() keeps; nothing when there is none.
  std::optional<std::filesystem::path> last_trusted();

  /// Moves the checkpoints of later steps into `folder`, which must exist, and makes that durable.
  /// Returns their new places, newest first.
  std::vector<std::filesystem::path> move_later_than(std::int64_t step,
                                                     const std::filesystem::path& folder);

 private:
  /// nullopt when the folder is complete, otherwise the reason. Remembers complete ones. Error(io)
  /// when it cannot be read.
  std::optional<std::string> verify(const std::filesystem::path& folder);
  bool is_known_complete(const std::filesystem::path& folder);
  /// Newest first.
  std::vector<std::filesystem::path> known_complete();

  std::filesystem::path folder_;
  std::set<std::filesystem::path> verified_;
};

/// What the run of a checkpoint was told when it was written. Errors as load_train_config().
TrainConfig config_of_checkpoint(const std::filesystem::path& folder);

/// Fills `state` from a checkpoint that verifies. Error(user), listing the differences, when the
/// configuration (but for what `accepted` says) or the data have changed since; Error(corrupt) when
/// the files do not contain what they should.
void load_checkpoint(const std::filesystem::path& folder, const TrainConfig& config,
                     std::uint32_t data_fingerprint, TrainingState& state,
                     const AcceptedChanges& accepted = {});

}  // namespace ddim::engine::train
