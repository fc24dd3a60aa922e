#pragma once

#include <ddim/verification.h>

#include <filesystem>
#include <optional>

#include "model/training_names.h"
#include "train/train_config.h"

namespace ddim::engine::train {

using model::kConfigFile;
inline constexpr const char* kConfigDigestFile = "config.toml.sha256";

/// Writes the config.toml of a run's folder, and config.toml.sha256 beside it, as sha256sum writes
/// it: a text that was cut short may still be TOML, of another run. A loss of power between the two
/// leaves a digest of either text. Does nothing when both are there as they should be.
void write_config_of_run(const std::filesystem::path& run, const TrainConfig& config);

/// The config.toml of a run's folder; where there is none, because a run that begins from a model
/// was ended before it was written, that of the newest checkpoint. Error(corrupt) when it is not
/// the one that its digest is of; runs of earlier versions have none. Error(user) for a folder
/// without either. Other errors as load_train_config().
TrainConfig read_config_of_run(const std::filesystem::path& run);

/// The same for what is no reason to refuse a run whose config.toml was edited or damaged: then,
/// too, that of the newest checkpoint, where one has it as it was written.
TrainConfig last_known_config_of_run(const std::filesystem::path& run);

/// The config.toml of a run's folder where it is known to be what the run wrote: nothing where it
/// is missing, is another text, or has no digest.
std::optional<TrainConfig> written_config_of_run(const std::filesystem::path& run);

/// What `ddim verify` says of it; nothing where there is no config.toml, or no digest.
std::optional<VerifiedFile> verified_config(const std::filesystem::path& run);

}  // namespace ddim::engine::train
