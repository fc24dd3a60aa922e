#pragma once

#include <cstddef>
#include <string>
#include <vector>

namespace ddim::engine::model {

/// The order in which the DDIM paper's code registers its parameters, by which its optimizer
/// numbers them: temb, conv_in, down (each level: blocks, attentions, downsample), mid (block_1,
/// attn_1, block_2), up (level 0 first), norm_out, conv_out; in a block norm1, conv1, temb_proj,
/// norm2, conv2, nin_shortcut; in an attention norm, q, k, v, proj_out; weight before bias.
/// Element i of the result is the place in `official_names` of the i-th one. Error(internal) for a
/// name that no parameter has.
std::vector<std::size_t> official_order(const std::vector<std::string>& official_names);

}  // namespace ddim::engine::model
