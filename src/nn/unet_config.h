#pragma once

#include <cstdint>
#include <optional>
#include <vector>

namespace ddim {

/// The shape of a DDPM U-Net. Field names and meanings are those of diffusers' unet/config.json;
/// the defaults are what google/ddpm-cifar10-32 says, not what diffusers assumes when a field is
/// absent.
struct UNetConfig {
  std::int64_t sample_size = 32;  ///< height and width of an image
  std::int64_t in_channels = 3;
  std::int64_t out_channels = 3;
  std::int64_t layers_per_block = 2;                  ///< residual blocks per level on the way down
  std::vector<std::int64_t> block_out_channels = {};  ///< one entry per level, finest first
  /// Channels after conv_in, and sines and cosines of the time embedding; none = those of the first
  /// level. The official code's `ch`, which diffusers cannot tell from ch * ch_mult[0].
  std::optional<std::int64_t> base_channels = {};
  /// The levels whose blocks have attention, ascending; 0 is the finest. The way up mirrors the way
  /// down. The block in the middle always has attention.
  std::vector<std::int64_t> attention_levels = {};
  std::int64_t norm_num_groups = 32;
  double norm_eps = 1e-6;
  double dropout = 0.0;
  std::optional<std::int64_t> attention_head_dim = {};  ///< channels of a head; none = one head
  std::int64_t downsample_padding = 0;  ///< 0: one row and column at the end; 1: on every side
  bool flip_sin_to_cos = false;         ///< time embedding [cos, sin] instead of [sin, cos]
  std::int64_t freq_shift = 1;          ///< frequencies are 10000^(-i / (half - freq_shift))

  std::int64_t num_levels() const { return static_cast<std::int64_t>(block_out_channels.size()); }
  std::int64_t conv_in_channels() const {
    return base_channels.value_or(block_out_channels.front());
  }
  bool has_attention(std::int64_t level) const;

  friend bool operator==(const UNetConfig& a, const UNetConfig& b) = default;
};

/// Throws Error(user) when no network can be built from `config`; the message names the field, its
/// value and what it must be.
void validate(const UNetConfig& config);

}  // namespace ddim
