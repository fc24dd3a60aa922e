#pragma once

#include <ddim/unet_config.h>

#include <cstdint>
#include <optional>

namespace ddim::engine {

/// What halves or doubles height and width between two levels: one convolution, or a whole residual
/// block with the resampling inside it.
enum class Resampling { conv, resnet };

/// What one level has on its way down or up.
struct BlockOptions {
  bool has_attention = false;
  Resampling resampling = Resampling::conv;
};
BlockOptions down_block(const UNetConfig& config, std::int64_t level);
BlockOptions up_block(const UNetConfig& config, std::int64_t level);

/// Groups of the norm before attention in the middle; none = no norm.
std::optional<std::int64_t> mid_attention_norm_groups(const UNetConfig& config);

/// Throws Error(user) when no network can be built from `config`; the message names the field, its
/// value and what it must be.
void validate(const UNetConfig& config);

}  // namespace ddim::engine
