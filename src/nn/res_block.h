#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "nn/conv2d.h"
#include "nn/group_norm.h"
#include "nn/linear.h"
#include "nn/unet_config.h"

namespace ddim {

/// h = conv1(silu(norm1(x))) + time_emb_proj(silu(temb))
/// y = shortcut(x) + conv2(dropout(silu(norm2(h))))
class ResBlock {
 public:
  /// `dropout_layer` tells this block's dropout masks from those of the others.
  ResBlock(ParameterList& parameters, const std::string& name, Conv2d::Channels channels,
           std::uint32_t dropout_layer, const UNetConfig& config);

  /// x [N,H,W,C_in], silu_temb = silu(temb), shared by all blocks, [N,C_emb] -> [N,H,W,C_out]
  Var operator()(Tape& tape, const Var& x, const Var& silu_temb) const;

 private:
  GroupNorm norm1_;
  Conv2d conv1_;
  Linear time_emb_proj_;
  GroupNorm norm2_;
  std::uint32_t dropout_layer_;
  double dropout_probability_;
  Conv2d conv2_;
  std::optional<Conv2d> conv_shortcut_;  // 1x1, only when C_in != C_out
};

}  // namespace ddim
