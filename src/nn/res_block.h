#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "nn/conv2d.h"
#include "nn/group_norm.h"
#include "nn/linear.h"
#include "nn/unet_config.h"

namespace ddim::engine {

/// What a residual block does to height and width, between its first norm and its first
/// convolution and on its shortcut: nothing, halves them by means of 2x2 pixels, or doubles them by
/// repeating pixels.
enum class Resize { none, half, twice };

struct ResBlockOptions {
  Conv2d::Channels channels;
  Resize resize = Resize::none;
  double output_scale_factor = 1.0;  ///< the result is divided by it
  std::uint32_t dropout_layer = 0;   ///< tells this block's dropout masks from those of the others
};

/// With e = time_emb_proj(f(temb)) and f the configuration's activation:
///   h = conv1(resize(f(norm1(x))))
///   h = f(norm2(h + e))                          TimeScaleShift::add
///   h = f(norm2(h) (1 + e_scale) + e_shift)      TimeScaleShift::scale_shift
///   y = (shortcut(resize(x)) + conv2(dropout(h))) / output_scale_factor
class ResBlock {
 public:
  ResBlock(ParameterList& parameters, const std::string& name, const ResBlockOptions& options,
           const UNetConfig& config);

  /// x [N,H,W,C_in], active_temb = f(temb), shared by all blocks, [N,C_emb] -> [N,H,W,C_out], with
  /// H and W resized. x may be in two parts where it keeps its size and C_in != C_out.
  Var operator()(Tape& tape, const ChannelVars& x, const Var& active_temb) const;

 private:
  ResBlockOptions options_;
  double dropout_probability_;
  Activation act_fn_;
  TimeScaleShift time_scale_shift_;
  GroupNorm norm1_;
  Conv2d conv1_;
  Linear time_emb_proj_;
  GroupNorm norm2_;
  Conv2d conv2_;
  std::optional<Conv2d> conv_shortcut_;  // 1x1, only when C_in != C_out
};

}  // namespace ddim::engine
