#include "nn/unet_config.h"

#include <algorithm>
#include <cmath>

#include "base/error.h"

namespace ddim::engine {
namespace {

// Far beyond any network of this kind, and small enough that no product of sizes overflows.
constexpr std::int64_t kMaxSampleSize = 16384;
constexpr std::int64_t kMaxChannels = 65536;
constexpr std::int64_t kMaxLevels = 12;
constexpr std::int64_t kMaxLayersPerBlock = 64;
constexpr std::int64_t kMaxTrainTimesteps = 1'000'000;
constexpr std::int64_t kMaxClasses = 1'000'000;

void require_range(const std::string& field, std::int64_t value, std::int64_t low,
                   std::int64_t high) {
  require(low <= value && value <= high, "unet: ", field, " (", value, ") must be from ", low,
          " to ", high);
}

bool holds(const std::vector<std::int64_t>& levels, std::int64_t level) {
  return std::ranges::find(levels, level) != levels.end();
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

/// Levels that exist, in ascending order.
void validate_levels(const char* field, const std::vector<std::int64_t>& levels,
                     std::int64_t num_levels) {
  for (std::size_t i = 0; i < levels.size(); ++i) {
    require(0 <= levels[i] && levels[i] < num_levels, "unet: ", element(field, i), " (", levels[i],
            ") does not exist: block_out_channels gives ", num_levels, " levels, counted from 0");
    if (i == 0) continue;  // what require() is given is there whether it is told or not
    require(levels[i - 1] < levels[i], "unet: ", element(field, i), " (", levels[i],
            ") must be greater than the entry before it (", levels[i - 1], ")");
  }
}

void validate_resampling(const UNetConfig& c) {
  validate_levels("resnet_downsample_levels", c.resnet_downsample_levels, c.num_levels());
  validate_levels("resnet_upsample_levels", c.resnet_upsample_levels, c.num_levels());
  require(!holds(c.resnet_downsample_levels, c.num_levels() - 1),
          "unet: resnet_downsample_levels holds ", c.num_levels() - 1,
          ", the coarsest level, which is not halved");
  require(!holds(c.resnet_upsample_levels, 0),
          "unet: resnet_upsample_levels holds 0, the finest level, which is not doubled");
}

void validate_attention(const UNetConfig& c) {
  validate_levels("attention_levels", c.attention_levels, c.num_levels());
  if (c.up_attention_levels)
    validate_levels("up_attention_levels", *c.up_attention_levels, c.num_levels());
  if (c.mid_block_type == MidBlockType::attention && mid_attention_norm_groups(c)) {
    const std::int64_t groups = *mid_attention_norm_groups(c);
    require_range("attn_norm_num_groups", groups, 1, kMaxChannels);
    require(c.block_out_channels.back() % groups == 0, "unet: the channels in the middle (",
            c.block_out_channels.back(), ") must be a multiple of attn_norm_num_groups (", groups,
            ")");
  }
  if (!c.attention_head_dim) return;
  require_range("attention_head_dim", *c.attention_head_dim, 1, kMaxChannels);
  for (std::int64_t level = 0; level < c.num_levels(); ++level) {
    const bool in_the_middle =
        level == c.num_levels() - 1 && c.mid_block_type == MidBlockType::attention;
    if (!down_block(c, level).has_attention && !up_block(c, level).has_attention && !in_the_middle)
      continue;
    const auto i = static_cast<std::size_t>(level);
    require(c.block_out_channels[i] >= *c.attention_head_dim,
            "unet: ", element("block_out_channels", i), " (", c.block_out_channels[i],
            ") must be at least attention_head_dim (", *c.attention_head_dim,
            "): that level has attention");
  }
}

void validate_time_embedding(const UNetConfig& c) {
  if (c.time_embedding_dim)
    require_range("time_embedding_dim", *c.time_embedding_dim, 1, kMaxChannels);
  const bool learned = c.time_embedding_type == TimeEmbeddingType::learned;
  require(!learned || c.num_train_timesteps,
          "unet: num_train_timesteps is missing: a learned time embedding has a row for each");
  if (learned) require_range("num_train_timesteps", *c.num_train_timesteps, 1, kMaxTrainTimesteps);
  if (c.time_embedding_type != TimeEmbeddingType::positional) return;
  require(c.freq_shift == 0 || c.freq_shift == 1, "unet: freq_shift (", c.freq_shift,
          ") must be 0 or 1");
  const char* field = c.base_channels ? "base_channels" : "block_out_channels[0]";
  const std::int64_t channels = c.conv_in_channels();
  require(channels % 2 == 0, "unet: ", field, " (", channels,
          ") must be even: half of the time embedding are sines, half cosines");
  require(channels / 2 > c.freq_shift, "unet: ", field, " (", channels, ") must be at least ",
          2 * (c.freq_shift + 1), " with freq_shift ", c.freq_shift);
}

void validate_classes(const UNetConfig& c) {
  if (c.class_embed_type == ClassEmbedType::lookup) {
    require(c.num_class_embeds.has_value(),
            "unet: num_class_embeds is missing: a class embedding has a row for each class");
    require_range("num_class_embeds", *c.num_class_embeds, 1, kMaxClasses);
  }
  if (!c.null_class) return;
  require(c.class_embed_type == ClassEmbedType::lookup,
          "unet: null_class is given, but the network has no table of classes");
  require_range("null_class", *c.null_class, 0, *c.num_class_embeds - 1);
}

}  // namespace

BlockOptions down_block(const UNetConfig& c, std::int64_t level) {
  return {.has_attention = holds(c.attention_levels, level),
          .resampling =
              holds(c.resnet_downsample_levels, level) ? Resampling::resnet : Resampling::conv};
}

BlockOptions up_block(const UNetConfig& c, std::int64_t level) {
  return {
      .has_attention = holds(c.up_attention_levels.value_or(c.attention_levels), level),
      .resampling = holds(c.resnet_upsample_levels, level) ? Resampling::resnet : Resampling::conv};
}

std::optional<std::int64_t> mid_attention_norm_groups(const UNetConfig& c) {
  if (c.attn_norm_num_groups) return c.attn_norm_num_groups;
  if (c.resnet_time_scale_shift == TimeScaleShift::scale_shift) return std::nullopt;
  return c.norm_num_groups;
}

void validate(const UNetConfig& c) {
  require_range("sample_size", c.height(), 1, kMaxSampleSize);
  require_range("sample_width", c.width(), 1, kMaxSampleSize);
  require_range("in_channels", c.in_channels, 1, kMaxChannels);
  require_range("out_channels", c.out_channels, 1, kMaxChannels);
  require_range("layers_per_block", c.layers_per_block, 1, kMaxLayersPerBlock);
  validate_channels(c);
  const std::int64_t shrink = std::int64_t{1} << (c.num_levels() - 1);
  for (const std::int64_t side : {c.height(), c.width()}) {
    require(side % shrink == 0, "unet: sample_size (", side, ") must be a multiple of ", shrink,
            ": ", c.num_levels(), " levels halve it ", c.num_levels() - 1, " times");
  }
  validate_resampling(c);
  validate_attention(c);
  require(std::isfinite(c.norm_eps) && c.norm_eps > 0 && c.norm_eps <= 1, "unet: norm_eps (",
          c.norm_eps, ") must be above 0 and at most 1");
  require(c.dropout >= 0 && c.dropout < 1, "unet: dropout (", c.dropout,
          ") must be at least 0 and below 1");
  require(c.downsample_padding == 0 || c.downsample_padding == 1, "unet: downsample_padding (",
          c.downsample_padding, ") must be 0 (asymmetric) or 1");
  require(std::isfinite(c.mid_block_scale_factor) && c.mid_block_scale_factor > 0,
          "unet: mid_block_scale_factor (", c.mid_block_scale_factor, ") must be above 0");
  validate_time_embedding(c);
  validate_classes(c);
}

}  // namespace ddim::engine
