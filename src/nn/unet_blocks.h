#pragma once

#include <optional>
#include <string>
#include <vector>

#include "nn/attention.h"
#include "nn/res_block.h"
#include "nn/resample.h"

namespace ddim::engine {

/// A U-Net while it is being made: what its blocks need to know of one another.
struct UNetBuilder {
  /// Throws Error(user) as validate(config) does.
  UNetBuilder(const Device& device, const UNetConfig& config, DType dtype);

  UNetConfig config;
  ParameterList parameters;
  /// Channels of the values that the way down has left for the way up, in the order of their
  /// making.
  std::vector<std::int64_t> skip_channels;
  std::uint32_t num_res_blocks = 0;  ///< so far; numbers the dropout layers

  std::int64_t channels(std::int64_t level) const {
    return config.block_out_channels[static_cast<std::size_t>(level)];
  }
  /// Fills in the number of its dropout layer.
  ResBlock res_block(const std::string& name, ResBlockOptions options);
  Attention attention(const std::string& name, const AttentionOptions& options);
  /// The attentions of one level, `count` of them.
  std::vector<Attention> attentions(const std::string& block, std::int64_t channels,
                                    std::int64_t count);
};

/// One level on the way down: layers_per_block times [res block, attention if it has any], then,
/// but for the coarsest level, a downsampler. Appends every result to `skips`.
class DownBlock {
 public:
  DownBlock(UNetBuilder& builder, std::int64_t level, std::int64_t in_channels);
  Var operator()(Tape& tape, Var h, const Var& active_temb, std::vector<Var>& skips) const;

 private:
  // Members are declared in the order in which diffusers registers their parameters.
  std::vector<Attention> attentions_;  // one for each of resnets_, or none
  std::vector<ResBlock> resnets_;
  std::optional<Downsample> downsampler_;  // one of these two, or none
  std::optional<ResBlock> resnet_downsampler_;
};

/// Res block, attention if it has any, res block, at the coarsest level.
class MidBlock {
 public:
  explicit MidBlock(UNetBuilder& builder);
  Var operator()(Tape& tape, Var h, const Var& active_temb) const;  // [N,H,W,C] -> [N,H,W,C]

 private:
  std::optional<Attention> attention_;
  ResBlock resnet_0_, resnet_1_;
};

/// One level on the way up: layers_per_block + 1 times [res block of what came before and the last
/// of `skips`, side by side, attention if it has any], then, but for the finest level, an
/// upsampler.
class UpBlock {
 public:
  UpBlock(UNetBuilder& builder, std::int64_t level, std::int64_t in_channels);
  Var operator()(Tape& tape, Var h, const Var& active_temb, std::vector<Var>& skips) const;

 private:
  std::vector<Attention> attentions_;
  std::vector<ResBlock> resnets_;
  std::optional<Upsample> upsampler_;  // one of these two, or none
  std::optional<ResBlock> resnet_upsampler_;
};

}  // namespace ddim::engine
