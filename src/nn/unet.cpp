#include "nn/unet.h"

#include "base/error.h"
#include "ops/silu.h"

namespace ddim {
namespace {

constexpr ConvGeometry kConv3x3{.kernel = 3, .stride = 1, .pad_begin = 1, .pad_end = 1};

std::vector<DownBlock> make_down_blocks(UNetBuilder& builder) {
  std::vector<DownBlock> blocks;
  std::int64_t channels = builder.config.conv_in_channels();
  builder.skip_channels.push_back(channels);  // conv_in's
  for (std::int64_t level = 0; level < builder.config.num_levels(); ++level) {
    blocks.emplace_back(builder, level, channels);
    channels = builder.channels(level);
  }
  return blocks;
}

std::vector<UpBlock> make_up_blocks(UNetBuilder& builder) {
  std::vector<UpBlock> blocks;
  std::int64_t channels = builder.config.block_out_channels.back();
  for (std::int64_t level = builder.config.num_levels() - 1; level >= 0; --level) {
    blocks.emplace_back(builder, level, channels);
    channels = builder.channels(level);
  }
  return blocks;
}

}  // namespace

UNet::UNet(const Device& device, const UNetConfig& config, DType dtype)
    : UNet(UNetBuilder(device, config, dtype), dtype) {}

UNet::UNet(UNetBuilder b, DType dtype)
    : config_(b.config),
      conv_in_(b.parameters, "conv_in",
               {.in = config_.in_channels, .out = config_.conv_in_channels()}, kConv3x3),
      time_embedding_(b.parameters, "time_embedding", config_, dtype),
      down_blocks_(make_down_blocks(b)),
      up_blocks_(make_up_blocks(b)),
      mid_block_(b),
      conv_norm_out_(b.parameters, "conv_norm_out", b.channels(0),
                     {.num_groups = config_.norm_num_groups,
                      .epsilon = config_.norm_eps,
                      .activation = Activation::silu}),
      conv_out_(b.parameters, "conv_out", {.in = b.channels(0), .out = config_.out_channels},
                kConv3x3),
      parameters_(std::move(b.parameters)) {}

std::int64_t UNet::num_parameters() const {
  std::int64_t total = 0;
  for (const Parameter* parameter : parameters()) total += parameter->value.size();
  return total;
}

void UNet::check_input(const Tensor& x, std::span<const double> t) const {
  const Shape& shape = x.shape();
  require(shape.rank() == 4 && shape[3] == config_.in_channels, "unet: x is ", shape,
          ", expected [N,H,W,", config_.in_channels, "]");
  const std::int64_t shrink = std::int64_t{1} << (config_.num_levels() - 1);
  require(shape[1] > 0 && shape[2] > 0 && shape[1] % shrink == 0 && shape[2] % shrink == 0,
          "unet: height and width of x ", shape, " must be multiples of ", shrink);
  require(static_cast<std::int64_t>(t.size()) == shape[0], "unet: ", t.size(),
          " time steps for the ", shape[0], " images of x");
}

Var UNet::operator()(Tape& tape, const Tensor& x, std::span<const double> t) const {
  check_input(x, t);
  const Var silu_temb = silu(tape, time_embedding_(tape, x.device(), t));  // [N,C_emb]
  Var h = conv_in_(tape, tape.constant(x));                                // [N,H,W,C]
  std::vector<Var> skips{h};
  for (const DownBlock& block : down_blocks_) h = block(tape, std::move(h), silu_temb, skips);
  h = mid_block_(tape, std::move(h), silu_temb);
  for (const UpBlock& block : up_blocks_) h = block(tape, std::move(h), silu_temb, skips);
  h = conv_norm_out_(tape, h);  // [N,H,W,C]
  return conv_out_(tape, h);    // [N,H,W,C_out]
}

}  // namespace ddim
