#include "nn/unet_blocks.h"

#include "base/error.h"
#include "ops/concat_channels.h"

namespace ddim {

UNetBuilder::UNetBuilder(const Device& device, const UNetConfig& unet_config, DType dtype)
    : config(unet_config), parameters(device, dtype) {
  validate(config);
}

ResBlock UNetBuilder::res_block(const std::string& name, Conv2d::Channels channels) {
  return {parameters, name, channels, num_res_blocks++, config};
}

Attention UNetBuilder::attention(const std::string& name, std::int64_t channels) {
  return {parameters, name, channels, config};
}

DownBlock::DownBlock(UNetBuilder& builder, std::int64_t level, std::int64_t in_channels) {
  const std::string name = concat("down_blocks.", level);
  const std::int64_t num_layers = builder.config.layers_per_block;
  const std::int64_t channels = builder.channels(level);
  if (builder.config.has_attention(level)) {
    for (std::int64_t i = 0; i < num_layers; ++i)
      attentions_.push_back(builder.attention(concat(name, ".attentions.", i), channels));
  }
  for (std::int64_t i = 0; i < num_layers; ++i) {
    resnets_.push_back(builder.res_block(concat(name, ".resnets.", i),
                                         {.in = i == 0 ? in_channels : channels, .out = channels}));
    builder.skip_channels.push_back(channels);
  }
  if (level + 1 < builder.config.num_levels()) {
    downsampler_.emplace(builder.parameters, name + ".downsamplers.0", channels, builder.config);
    builder.skip_channels.push_back(channels);
  }
}

Var DownBlock::operator()(Tape& tape, Var h, const Var& silu_temb, std::vector<Var>& skips) const {
  for (std::size_t i = 0; i < resnets_.size(); ++i) {
    h = resnets_[i](tape, h, silu_temb);                    // [N,H,W,C]
    if (!attentions_.empty()) h = attentions_[i](tape, h);  // [N,H,W,C]
    skips.push_back(h);
  }
  if (downsampler_) {
    h = (*downsampler_)(tape, h);  // [N,H/2,W/2,C]
    skips.push_back(h);
  }
  return h;
}

MidBlock::MidBlock(UNetBuilder& builder)
    : attention_(
          builder.attention("mid_block.attentions.0", builder.config.block_out_channels.back())),
      resnet_0_(builder.res_block("mid_block.resnets.0",
                                  {.in = builder.config.block_out_channels.back(),
                                   .out = builder.config.block_out_channels.back()})),
      resnet_1_(builder.res_block("mid_block.resnets.1",
                                  {.in = builder.config.block_out_channels.back(),
                                   .out = builder.config.block_out_channels.back()})) {}

Var MidBlock::operator()(Tape& tape, Var h, const Var& silu_temb) const {
  h = resnet_0_(tape, h, silu_temb);     // [N,H,W,C]
  h = attention_(tape, h);               // [N,H,W,C]
  return resnet_1_(tape, h, silu_temb);  // [N,H,W,C]
}

UpBlock::UpBlock(UNetBuilder& builder, std::int64_t level, std::int64_t in_channels) {
  const std::string name = concat("up_blocks.", builder.config.num_levels() - 1 - level);
  const std::int64_t num_layers = builder.config.layers_per_block + 1;
  const std::int64_t channels = builder.channels(level);
  if (builder.config.has_attention(level)) {
    for (std::int64_t i = 0; i < num_layers; ++i)
      attentions_.push_back(builder.attention(concat(name, ".attentions.", i), channels));
  }
  for (std::int64_t i = 0; i < num_layers; ++i) {
    const std::int64_t h_channels = i == 0 ? in_channels : channels;
    const std::int64_t skip_channels = builder.skip_channels.back();
    builder.skip_channels.pop_back();
    resnets_.push_back(builder.res_block(concat(name, ".resnets.", i),
                                         {.in = h_channels + skip_channels, .out = channels}));
  }
  if (level > 0) upsampler_.emplace(builder.parameters, name + ".upsamplers.0", channels);
}

Var UpBlock::operator()(Tape& tape, Var h, const Var& silu_temb, std::vector<Var>& skips) const {
  for (std::size_t i = 0; i < resnets_.size(); ++i) {
    h = concat_channels(tape, h, skips.back());  // [N,H,W,C_h+C_skip]
    skips.pop_back();
    h = resnets_[i](tape, h, silu_temb);                    // [N,H,W,C]
    if (!attentions_.empty()) h = attentions_[i](tape, h);  // [N,H,W,C]
  }
  return upsampler_ ? (*upsampler_)(tape, h) : h;  // [N,2H,2W,C] or [N,H,W,C]
}

}  // namespace ddim
