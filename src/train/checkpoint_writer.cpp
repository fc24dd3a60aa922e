#include "train/checkpoint_writer.h"

#include <chrono>
#include <new>
#include <system_error>

#include "base/error.h"

namespace ddim::engine::train {

template <class State>
SavedCheckpoint CheckpointWriter::write(const State& state, const std::string& problem) {
  const bool was_there = store_.has(state.step);
  SavedCheckpoint saved{
      .folder = store_.save(state, run_.config, run_.data_fingerprint, run_.names),
      .was_there = was_there,
      .problem = problem};
  store_.remove_old(run_.keep);
  if (!problem.empty()) saved.trusted = store_.last_trusted();
  return saved;
}

SavedCheckpoint CheckpointWriter::save(const TrainingState& state) {
  ensure(!under_way(), "a checkpoint is being written");
  return write(state, state.problem());
}

void CheckpointWriter::begin(const TrainingState& state) {
  ensure(!under_way(), "a checkpoint is being written");
  const auto save_now = [&] {
    std::promise<SavedCheckpoint> done;
    done.set_value(save(state));
    result_ = done.get_future();
  };
  try {
    const StateValues& values = copy_.take(state);
    result_ = std::async(std::launch::async, [this, &values, problem = state.problem()] {
      return write(values, problem);
    });
  } catch (const std::bad_alloc&) {
    copy_ = {};
    save_now();
  } catch (const std::system_error&) {
    save_now();
  }
}

std::optional<SavedCheckpoint> CheckpointWriter::finished() {
  if (!under_way() || result_.wait_for(std::chrono::seconds(0)) != std::future_status::ready)
    return std::nullopt;
  return result_.get();
}

std::optional<SavedCheckpoint> CheckpointWriter::wait() {
  if (!under_way()) return std::nullopt;
  return result_.get();
}

}  // namespace ddim::engine::train
