#pragma once

#include <string_view>

namespace ddim::engine::model {

inline constexpr const char* kStateFile = "state.safetensors";
/// What the run was told.
inline constexpr const char* kConfigFile = "config.toml";

/// Prefixes of the names of tensors in state.safetensors, the part of our checkpoints that
/// diffusers does not know (train/checkpoint.h).
inline constexpr std::string_view kTrainedPrefix = "network/";
inline constexpr std::string_view kAveragePrefix = "average/";
inline constexpr std::string_view kAdamMPrefix = "adam_m/";
inline constexpr std::string_view kAdamVPrefix = "adam_v/";

}  // namespace ddim::engine::model
