#pragma once

#include <cstdint>
#include <filesystem>
#include <future>
#include <optional>
#include <string>

#include "train/checkpoint.h"

namespace ddim::engine::train {

/// A checkpoint that is complete and on the disk.
struct SavedCheckpoint {
  std::filesystem::path folder;
  bool was_there = false;    ///< complete before; nothing was written
  std::string problem = {};  ///< TrainingState::problem()
  /// The last one before it that is trusted, where this one has a problem.
  std::optional<std::filesystem::path> trusted = {};
};

/// Writes checkpoints while training goes on. Only a copy of the state in memory holds it up.
/// Nothing else may use the store while one is being written.
class CheckpointWriter {
 public:
  /// What every checkpoint of a run has in common. `keep` as CheckpointStore::remove_old().
  struct Run {
    TrainConfig config;
    std::uint32_t data_fingerprint = 0;
    io::ModelNames names = {};
    std::int64_t keep = 2;
  };
  CheckpointWriter(CheckpointStore& store, Run run) : store_(store), run_(std::move(run)) {}
  /// Waits for the one that is being written.
  ~CheckpointWriter() = default;
  CheckpointWriter(const CheckpointWriter&) = delete;
  CheckpointWriter& operator=(const CheckpointWriter&) = delete;

  /// Copies the state and begins to write it. Nothing must be under way. Where there is no memory
  /// for the copy, or no thread, writes before it returns.
  void begin(const TrainingState& state);
  bool under_way() const { return result_.valid(); }
  /// What was under way, if it is complete by now. Its error is thrown here, once.
  std::optional<SavedCheckpoint> finished();
  /// The same, and waits for it.
  std::optional<SavedCheckpoint> wait();
  /// Writes without a copy. Nothing must be under way.
  SavedCheckpoint save(const TrainingState& state);

 private:
  template <class State>
  SavedCheckpoint write(const State& state, const std::string& problem);

  CheckpointStore& store_;
  Run run_;
  StateCopy copy_;
  std::future<SavedCheckpoint> result_;  ///< its destructor waits
};

}  // namespace ddim::engine::train
