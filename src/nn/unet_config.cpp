#include "nn/unet_config.h"

#include <algorithm>
#include <cmath>

#include "base/error.h"

namespace ddim {
namespace {

// Far beyond any network of this kind, and small enough that no product of sizes overflows.
constexpr std::int64_t kMaxSampleSize = 16384;
constexpr std::int64_t kMaxChannels = 65536;
constexpr std::int64_t kMaxLevels = 12;
constexpr std::int64_t kMaxLayersPerBlock = 64;

void require_range(const std::string& field, std::int64_t value, std::int64_t low,
                   std::int64_t high) {
  require(low <= value && value <= high, "unet: ", field, " (", value, ") must be from ", low,
          " to ", high);
}

std::string element(const char* field, std::size_t i) { return concat(field, "[", i, "]"); }

void validate_channels(const UNetConfig& c) {
  require(!c.block_out_channels.empty(),
          "unet: block_out_channels is empty; it must have one entry per level");
  require(c.num_levels() <= kMaxLevels, "unet: block_out_channels has ", c.num_levels(),
          " levels; at most ", kMaxLevels, " are possible");
  require_range("norm_num_groups", c.norm_num_groups, 1, kMaxChannels);
  for (std::size_t i = 0; i < c.block_out_channels.size(); ++i) {
    const std::int64_t channels = c.block_out_channels[i];
    require_range(element("block_out_channels", i), channels, 1, kMaxChannels);
    require(channels % c.norm_num_groups == 0, "unet: ", element("block_out_channels", i), " (",
            channels, ") must be a multiple of norm_num_groups (", c.norm_num_groups, ")");
  }
  if (!c.base_channels) return;
  require_range("base_channels", *c.base_channels, 1, kMaxChannels);
  require(*c.base_channels % c.norm_num_groups == 0, "unet: base_channels (", *c.base_channels,
          ") must be a multiple of norm_num_groups (", c.norm_num_groups, ")");
}

void validate_attention(const UNetConfig& c) {
  for (std::size_t i = 0; i < c.attention_levels.size(); ++i) {
    const std::int64_t level = c.attention_levels[i];
    require(0 <= level && level < c.num_levels(), "unet: ", element("attention_levels", i), " (",
            level, ") does not exist: block_out_channels gives ", c.num_levels(),
            " levels, counted from 0");
    require(i == 0 || c.attention_levels[i - 1] < level, "unet: ", element("attention_levels", i),
            " (", level, ") must be greater than the entry before it (", c.attention_levels[i - 1],
            ")");
  }
  if (!c.attention_head_dim) return;
  require_range("attention_head_dim", *c.attention_head_dim, 1, kMaxChannels);
  for (std::int64_t level = 0; level < c.num_levels(); ++level) {
    const bool in_the_middle = level == c.num_levels() - 1;
    if (!c.has_attention(level) && !in_the_middle) continue;
    const auto i = static_cast<std::size_t>(level);
    require(c.block_out_channels[i] % *c.attention_head_dim == 0,
            "unet: ", element("block_out_channels", i), " (", c.block_out_channels[i],
            ") must be a multiple of attention_head_dim (", *c.attention_head_dim,
            "): that level has attention");
  }
}

void validate_time_embedding(const UNetConfig& c) {
  require(c.freq_shift == 0 || c.freq_shift == 1, "unet: freq_shift (", c.freq_shift,
          ") must be 0 or 1");
  const char* field = c.base_channels ? "base_channels" : "block_out_channels[0]";
  const std::int64_t channels = c.conv_in_channels();
  require(channels % 2 == 0, "unet: ", field, " (", channels,
          ") must be even: half of the time embedding are sines, half cosines");
  require(channels / 2 > c.freq_shift, "unet: ", field, " (", channels, ") must be at least ",
          2 * (c.freq_shift + 1), " with freq_shift ", c.freq_shift);
}

}  // namespace

bool UNetConfig::has_attention(std::int64_t level) const {
  return std::ranges::find(attention_levels, level) != attention_levels.end();
}

void validate(const UNetConfig& c) {
  require_range("sample_size", c.sample_size, 1, kMaxSampleSize);
  require_range("in_channels", c.in_channels, 1, kMaxChannels);
  require_range("out_channels", c.out_channels, 1, kMaxChannels);
  require_range("layers_per_block", c.layers_per_block, 1, kMaxLayersPerBlock);
  validate_channels(c);
  const std::int64_t shrink = std::int64_t{1} << (c.num_levels() - 1);
  require(c.sample_size % shrink == 0, "unet: sample_size (", c.sample_size,
          ") must be a multiple of ", shrink, ": ", c.num_levels(), " levels halve it ",
          c.num_levels() - 1, " times");
  validate_attention(c);
  require(std::isfinite(c.norm_eps) && c.norm_eps > 0 && c.norm_eps < 1, "unet: norm_eps (",
          c.norm_eps, ") must be above 0 and below 1");
  require(c.dropout >= 0 && c.dropout < 1, "unet: dropout (", c.dropout,
          ") must be at least 0 and below 1");
  require(c.downsample_padding == 0 || c.downsample_padding == 1, "unet: downsample_padding (",
          c.downsample_padding, ") must be 0 (asymmetric) or 1");
  validate_time_embedding(c);
}

}  // namespace ddim
