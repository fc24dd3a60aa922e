#pragma once

#include <ddim/model_overrides.h>

#include <string>

#include "io/diffusers_config.h"
#include "io/json_fields.h"
#include "nn/unet_config.h"

namespace ddim::engine::model {

/// The configuration of the DDIM paper's code, with its sections model, data and diffusion, as
/// YAML or JSON.
struct OfficialConfig {
  UNetConfig network;
  io::SchedulerFileConfig scheduler;
};

/// Whether the fields of a config.json or config.yml are of that kind, and not diffusers'.
bool is_official_config(const io::JsonFields& fields);

/// With pictures of another size where `size` says so. Errors name file and field: Error(corrupt)
/// for fields that are missing, of the wrong type or out of range; Error(user) for an unsupported
/// network.
OfficialConfig parse_official_config(io::JsonFields fields, const ModelOverrides& size = {});

/// The opposite. Error(user), naming the field, for a network or betas that the code cannot build.
std::string to_official_json(const OfficialConfig& config);

}  // namespace ddim::engine::model
