#pragma once

#include <ddim/train_config.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace ddim::engine::train {

/// load_train_config() of a text.
TrainConfig parse_train_config(std::string_view toml, std::string_view file_name);

/// Throws Error(user) when values are out of range or do not go together (a batch that is not a
/// multiple of shards, a network that cannot be built ...).
void validate(const TrainConfig& config);

/// TOML has escapes for these; files and terminals have not.
bool has_control_character(std::string_view text);

/// What keeps a run with configuration `now` from going on where one with `before` stopped after
/// `steps_done` steps: one line for each key that decides the result and differs, "training.batch
/// is 64, the checkpoint has 128". [output] and training.threads may differ, and so may what sets
/// the learning rate, as long as the steps done had the rate that `now` gives them: a run may be
/// made longer before its learning rate falls.
std::vector<std::string> differences(const TrainConfig& now, const TrainConfig& before,
                                     std::int64_t steps_done);

}  // namespace ddim::engine::train
