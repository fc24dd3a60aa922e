#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/shape.h"

namespace ddim::engine::model {

/// The name that the DDIM paper's code (ermongroup/ddim; also pesser/pytorch_diffusion) gives to
/// the parameter `diffusers_name` of a network with `num_levels` levels:
///   down_blocks.1.resnets.0.time_emb_proj.weight -> down.1.block.0.temb_proj.weight
/// The way up is numbered from the other end there. One-to-one over the parameters of a UNet.
/// Error(internal) for another name.
std::string official_name(std::string_view diffusers_name, std::int64_t num_levels);

/// Its shape there: attention weights are 1x1 convolutions, [C,C,1,1]; all others are as here.
std::vector<std::int64_t> official_shape(std::string_view diffusers_name, const Shape& shape);

}  // namespace ddim::engine::model
