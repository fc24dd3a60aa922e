#include "nn/unet_blocks.h"

#include <utility>

#include "base/error.h"

namespace ddim::engine {

UNetBuilder::UNetBuilder(const Device& device, const UNetConfig& unet_config, DType dtype)
    : config(unet_config), parameters(device, dtype) {
  validate(config);
}

ResBlock UNetBuilder::res_block(const std::string& name, ResBlockOptions options) {
  options.dropout_layer = num_res_blocks++;
  return {parameters, name, options, config};
}

Attention UNetBuilder::attention(const std::string& name, const AttentionOptions& options) {
  return {parameters, name, options, config};
}

std::vector<Attention> UNetBuilder::attentions(const std::string& block, std::int64_t channels,
                                               std::int64_t count) {
  std::vector<Attention> result;
  for (std::int64_t i = 0; i < count; ++i) {
    result.push_back(attention(concat(block, ".attentions.", i),
                               {.channels = channels, .norm_num_groups = config.norm_num_groups}));
  }
  return result;
}

DownBlock::DownBlock(UNetBuilder& builder, std::int64_t level, std::int64_t in_channels) {
  const std::string name = concat("down_blocks.", level);
  const BlockOptions options = down_block(builder.config, level);
  const std::int64_t num_layers = builder.config.layers_per_block;
  const std::int64_t channels = builder.channels(level);
  if (options.has_attention) attentions_ = builder.attentions(name, channels, num_layers);
  for (std::int64_t i = 0; i < num_layers; ++i) {
    resnets_.push_back(
        builder.res_block(concat(name, ".resnets.", i),
                          {.channels = {.in = i == 0 ? in_channels : channels, .out = channels}}));
    builder.skip_channels.push_back(channels);
  }
  if (level + 1 == builder.config.num_levels()) return;
  const std::string downsampler = name + ".downsamplers.0";
  if (options.resampling == Resampling::conv) {
    downsampler_.emplace(builder.parameters, downsampler, channels, builder.config);
  } else {
    resnet_downsampler_ = builder.res_block(
        downsampler, {.channels = {.in = channels, .out = channels}, .resize = Resize::half});
  }
  builder.skip_channels.push_back(channels);
}

Var DownBlock::operator()(Tape& tape, Var h, const Var& active_temb,
                          std::vector<Var>& skips) const {
  for (std::size_t i = 0; i < resnets_.size(); ++i) {
    h = resnets_[i](tape, h, active_temb);                  // [N,H,W,C]
    if (!attentions_.empty()) h = attentions_[i](tape, h);  // [N,H,W,C]
    skips.push_back(h);
  }
  if (!downsampler_ && !resnet_downsampler_) return h;
  h = downsampler_ ? (*downsampler_)(tape, h)
                   : (*resnet_downsampler_)(tape, h, active_temb);  // [N,H/2,W/2,C]
  skips.push_back(h);
  return h;
}

namespace {

std::optional<Attention> make_mid_attention(UNetBuilder& builder) {
  const UNetConfig& config = builder.config;
  if (config.mid_block_type != MidBlockType::attention) return std::nullopt;
  return builder.attention("mid_block.attentions.0",
                           {.channels = config.block_out_channels.back(),
                            .norm_num_groups = mid_attention_norm_groups(config),
                            .output_scale_factor = config.mid_block_scale_factor});
}

ResBlock make_mid_resnet(UNetBuilder& builder, const std::string& name) {
  const std::int64_t channels = builder.config.block_out_channels.back();
  return builder.res_block(name, {.channels = {.in = channels, .out = channels},
                                  .output_scale_factor = builder.config.mid_block_scale_factor});
}

}  // namespace

MidBlock::MidBlock(UNetBuilder& builder)
    : attention_(make_mid_attention(builder)),
      resnet_0_(make_mid_resnet(builder, "mid_block.resnets.0")),
      resnet_1_(make_mid_resnet(builder, "mid_block.resnets.1")) {}

Var MidBlock::operator()(Tape& tape, Var h, const Var& active_temb) const {
  h = resnet_0_(tape, h, active_temb);         // [N,H,W,C]
  if (attention_) h = (*attention_)(tape, h);  // [N,H,W,C]
  return resnet_1_(tape, h, active_temb);      // [N,H,W,C]
}

UpBlock::UpBlock(UNetBuilder& builder, std::int64_t level, std::int64_t in_channels) {
  const std::string name = concat("up_blocks.", builder.config.num_levels() - 1 - level);
  const BlockOptions options = up_block(builder.config, level);
  const std::int64_t num_layers = builder.config.layers_per_block + 1;
  const std::int64_t channels = builder.channels(level);
  if (options.has_attention) attentions_ = builder.attentions(name, channels, num_layers);
  for (std::int64_t i = 0; i < num_layers; ++i) {
    const std::int64_t h_channels = i == 0 ? in_channels : channels;
    const std::int64_t skip_channels = builder.skip_channels.back();
    builder.skip_channels.pop_back();
    resnets_.push_back(
        builder.res_block(concat(name, ".resnets.", i),
                          {.channels = {.in = h_channels + skip_channels, .out = channels}}));
  }
  if (level == 0) return;
  const std::string upsampler = name + ".upsamplers.0";
  if (options.resampling == Resampling::conv) {
    upsampler_.emplace(builder.parameters, upsampler, channels);
  } else {
    resnet_upsampler_ = builder.res_block(
        upsampler, {.channels = {.in = channels, .out = channels}, .resize = Resize::twice});
  }
}

namespace {

/// The last of `skips`, taken off.
Var take_last(std::vector<Var>& skips) {
  Var last = std::move(skips.back());
  skips.pop_back();
  return last;
}

}  // namespace

Var UpBlock::operator()(Tape& tape, Var h, const Var& active_temb, std::vector<Var>& skips) const {
  for (std::size_t i = 0; i < resnets_.size(); ++i) {
    // [N,H,W,C_h] beside [N,H,W,C_skip], neither of which is kept any longer -> [N,H,W,C]
    h = resnets_[i](tape, {std::move(h), take_last(skips)}, active_temb);
    if (!attentions_.empty()) h = attentions_[i](tape, h);  // [N,H,W,C]
  }
  if (upsampler_) return (*upsampler_)(tape, h);                             // [N,2H,2W,C]
  if (resnet_upsampler_) return (*resnet_upsampler_)(tape, h, active_temb);  // [N,2H,2W,C]
  return h;                                                                  // [N,H,W,C]
}

}  // namespace ddim::engine
