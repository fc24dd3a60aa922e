#pragma once

#include <ddim/train_config.h>

#include <cstdint>
#include <functional>
#include <map>
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
/// Whether TOML and JSON can hold it.
bool is_utf8(std::string_view text);

/// As a TOML string.
std::string toml_text(std::string_view text);

/// As a TOML float: the shortest decimal that reads back as the same number, with a point.
std::string toml_number(double value);

/// The value of a key ("training.steps"), as in config.toml.
std::string value_of_key(const TrainConfig& config, std::string_view key);

/// A sentence for each key that has another value than its default and no effect beside the others:
/// "training.decay_steps = 400 has no effect while training.decay is "constant"".
std::vector<std::string> without_effect(const TrainConfig& config);

/// Keys whose value a user changed while a run went on, with the value, as in config.toml.
using AcceptedChanges = std::map<std::string, std::string, std::less<>>;

/// Whether a run may go on with another value of this key ("training.learning_rate"): what is
/// known of the steps done (weights, moments, the order of the pictures) keeps its meaning.
bool may_change_in_a_run(std::string_view key);

/// `config` with other values of some keys, each "KEY=VALUE" with the value as in a TOML file (a
/// word or a path may stand without quotes). data.validation may name other pictures, as long as
/// none or the same share of the training pictures is held out. Error(user), naming --override, for
/// another form, a key that is named twice, an unknown key, a value that it cannot have, and a key
/// that may not change in a run.
TrainConfig with_overrides(TrainConfig config, const std::vector<std::string>& overrides);
/// The KEY of one of them.
std::string key_of_override(const std::string& text);

/// What keeps a run with configuration `now` from going on where one with `before` stopped after
/// `steps_done` steps: one line for each key that decides the result and differs, "training.batch
/// is 64, the checkpoint has 128". [output] and training.threads may differ. So may a key that was
/// changed to the value that `now` has, and what sets the learning rate, as long as the steps done
/// had the rate that `now` gives them, or gives them without these changes: a run may be made
/// longer before its learning rate falls.
std::vector<std::string> differences(const TrainConfig& now, const TrainConfig& before,
                                     std::int64_t steps_done, const AcceptedChanges& accepted = {});

}  // namespace ddim::engine::train
