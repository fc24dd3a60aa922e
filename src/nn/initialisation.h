#pragma once

#include <ddim/train_config.h>

#include <cstdint>

#include "nn/unet.h"

namespace ddim::engine {

/// Sets all parameters. A value depends on (seed, index of the parameter, element) alone.
void initialise(UNet& unet, Initialisation initialisation, std::uint64_t seed);

}  // namespace ddim::engine
