#include "nn/res_block.h"

#include "nn/time_embedding.h"
#include "ops/dropout.h"

namespace ddim {
namespace {

constexpr ConvGeometry kConv3x3{.kernel = 3, .stride = 1, .pad_begin = 1, .pad_end = 1};
constexpr ConvGeometry kConv1x1{.kernel = 1, .stride = 1, .pad_begin = 0, .pad_end = 0};

GroupNormOptions norm_and_silu(const UNetConfig& config) {
  return {.num_groups = config.norm_num_groups,
          .epsilon = config.norm_eps,
          .activation = Activation::silu};
}

}  // namespace

ResBlock::ResBlock(ParameterList& parameters, const std::string& name, Conv2d::Channels channels,
                   std::uint32_t dropout_layer, const UNetConfig& config)
    : norm1_(parameters, name + ".norm1", channels.in, norm_and_silu(config)),
      conv1_(parameters, name + ".conv1", channels, kConv3x3),
      time_emb_proj_(parameters, name + ".time_emb_proj", time_embedding_channels(config),
                     channels.out),
      norm2_(parameters, name + ".norm2", channels.out, norm_and_silu(config)),
      dropout_layer_(dropout_layer),
      dropout_probability_(config.dropout),
      conv2_(parameters, name + ".conv2", {.in = channels.out, .out = channels.out}, kConv3x3) {
  if (channels.in != channels.out)
    conv_shortcut_.emplace(parameters, name + ".conv_shortcut", channels, kConv1x1);
}

Var ResBlock::operator()(Tape& tape, const Var& x, const Var& silu_temb) const {
  Var h = norm1_(tape, x);  // [N,H,W,C_in]
  h = conv1_(tape, h, {.per_image_bias = time_emb_proj_(tape, silu_temb), .residual = {}});
  h = norm2_(tape, h);                                                   // [N,H,W,C_out]
  h = dropout(tape, h, dropout_layer_, dropout_probability_);            // [N,H,W,C_out]
  const Var shortcut = conv_shortcut_ ? (*conv_shortcut_)(tape, x) : x;  // [N,H,W,C_out]
  return conv2_(tape, h, {.per_image_bias = {}, .residual = shortcut});  // [N,H,W,C_out]
}

}  // namespace ddim
