#pragma once

#include <string>

#include "io/diffusers_config.h"
#include "nn/unet_config.h"

namespace ddim::engine::model {

/// The network that unet/config.json asks for, as diffusers' UNet2DModel understands it. Throws
/// Error(user), naming `file_name` and the field, for what UNet does not have (blocks with FIR
/// filters or cross attention ...) and for what no network can be.
UNetConfig network_config(const io::UNetFileConfig& file, const std::string& file_name);

/// The opposite: a unet/config.json that diffusers builds the same network from. Throws Error(user)
/// for a mixture of resamplings that diffusers has no words for.
io::UNetFileConfig file_config(const UNetConfig& config);

}  // namespace ddim::engine::model
