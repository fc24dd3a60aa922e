#pragma once

#include <string>
#include <string_view>

#include "io/diffusers_config.h"
#include "nn/unet_config.h"

namespace ddim::engine::model {

/// The configuration of the DDIM paper's code, with its sections model, data and diffusion, as
/// JSON.
struct OfficialConfig {
  UNetConfig network;
  io::SchedulerFileConfig scheduler;
};

/// Whether the text of a config.json is of that kind, and not diffusers'. Error(corrupt), naming
/// the file, for text that is not a JSON object.
bool is_official_config(std::string_view text, const std::string& file_name);

/// Errors name file and field: Error(corrupt) for text that is not JSON and for fields that are
/// missing, of the wrong type or out of range; Error(user) for an unsupported network.
OfficialConfig parse_official_config(std::string_view text, const std::string& file_name);

/// The opposite. Error(user), naming the field, for a network or betas that the code cannot build.
std::string to_official_json(const OfficialConfig& config);

}  // namespace ddim::engine::model
