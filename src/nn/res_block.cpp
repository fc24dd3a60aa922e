#include "nn/res_block.h"

#include <cassert>

#include "ops/downsample.h"
#include "ops/dropout.h"
#include "ops/scale.h"
#include "ops/scale_shift.h"
#include "ops/upsample.h"

namespace ddim::engine {
namespace {

constexpr ConvGeometry kConv1x1{.kernel = 1, .stride = 1, .pad_begin = 0, .pad_end = 0};

GroupNormOptions norm_and(Activation activation, const UNetConfig& config) {
  return {
      .num_groups = config.norm_num_groups, .epsilon = config.norm_eps, .activation = activation};
}

bool modulates(const UNetConfig& config) {
  return config.resnet_time_scale_shift == TimeScaleShift::scale_shift;
}

Var resized(Tape& tape, const Var& x, Resize resize) {
  switch (resize) {
    case Resize::none:
      return x;
    case Resize::half:
      return downsample_mean_2x(tape, x);
    case Resize::twice:
      return upsample_nearest_2x(tape, x);
  }
  return x;
}

}  // namespace

ResBlock::ResBlock(ParameterList& parameters, const std::string& name,
                   const ResBlockOptions& options, const UNetConfig& config)
    : options_(options),
      dropout_probability_(config.dropout),
      act_fn_(config.act_fn),
      time_scale_shift_(config.resnet_time_scale_shift),
      norm1_(parameters, name + ".norm1", options.channels.in, norm_and(config.act_fn, config)),
      conv1_(parameters, name + ".conv1", options.channels, kConv3x3),
      time_emb_proj_(parameters, name + ".time_emb_proj", config.time_embedding_channels(),
                     (modulates(config) ? 2 : 1) * options.channels.out),
      norm2_(parameters, name + ".norm2", options.channels.out,
             norm_and(modulates(config) ? Activation::none : config.act_fn, config)),
      conv2_(parameters, name + ".conv2", {.in = options.channels.out, .out = options.channels.out},
             kConv3x3, ParameterRole::last_weight) {
  if (options.channels.in != options.channels.out)
    conv_shortcut_.emplace(parameters, name + ".conv_shortcut", options.channels, kConv1x1);
}

Var ResBlock::operator()(Tape& tape, const ChannelVars& x, const Var& active_temb) const {
  assert(!x.second.defined() || (options_.resize == Resize::none && conv_shortcut_));
  Var h = resized(tape, norm1_(tape, x), options_.resize);  // [N,H,W,C_in]
  const Var e = time_emb_proj_(tape, active_temb);          // [N,C_out] or [N,2C_out]
  if (time_scale_shift_ == TimeScaleShift::add) {
    h = norm2_(tape, conv1_(tape, h, {.per_image_bias = e}));  // [N,H,W,C_out]
  } else {
    h = scale_shift(tape, norm2_(tape, conv1_(tape, h)), e, act_fn_);  // [N,H,W,C_out]
  }
  h = dropout(tape, h, options_.dropout_layer, dropout_probability_);  // [N,H,W,C_out]
  const ChannelVars resized_x =
      options_.resize == Resize::none ? x : resized(tape, x.first, options_.resize);
  const Var shortcut =
      conv_shortcut_ ? (*conv_shortcut_)(tape, resized_x) : resized_x.first;  // [N,H,W,C_out]
  h = conv2_(tape, h, {.residual = shortcut});                                // [N,H,W,C_out]
  return scale(tape, h, 1.0 / options_.output_scale_factor);                  // [N,H,W,C_out]
}

}  // namespace ddim::engine
