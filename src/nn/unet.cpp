#include "nn/unet.h"

#include "base/error.h"
#include "ops/activate.h"
#include "ops/add.h"
#include "ops/scale.h"

namespace ddim::engine {
namespace {

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

std::optional<ClassEmbedding> make_class_embedding(UNetBuilder& builder) {
  if (builder.config.class_embed_type == ClassEmbedType::none) return std::nullopt;
  return ClassEmbedding(builder.parameters, builder.config);
}

std::optional<MidBlock> make_mid_block(UNetBuilder& builder) {
  if (builder.config.mid_block_type == MidBlockType::none) return std::nullopt;
  return MidBlock(builder);
}

/// 2 x - 1
Tensor centred(const Tensor& x) {
  Kernels& k = x.device().kernels();
  const auto num_images = static_cast<std::size_t>(x.dim(0));
  Tensor ones = empty_like(x);
  k.fill(1.0, ones);
  Tensor y = empty_like(x);
  k.mix_per_image(std::vector<double>(num_images, 2.0), x, std::vector<double>(num_images, -1.0),
                  ones, y);
  return y;
}

/// 1 / t for each image.
std::vector<double> inverses(std::span<const double> t) {
  std::vector<double> result;
  for (const double t_n : t) result.push_back(1.0 / t_n);
  return result;
}

}  // namespace

UNet::UNet(const Device& device, const UNetConfig& config, DType dtype)
    : UNet(UNetBuilder(device, config, dtype), dtype) {}

UNet::UNet(UNetBuilder b, DType dtype)
    : config_(b.config),
      conv_in_(b.parameters, "conv_in",
               {.in = config_.in_channels, .out = config_.conv_in_channels()}, kConv3x3),
      time_projection_(b.parameters, config_, dtype),
      time_embedding_(b.parameters, "time_embedding", config_),
      class_embedding_(make_class_embedding(b)),
      down_blocks_(make_down_blocks(b)),
      up_blocks_(make_up_blocks(b)),
      mid_block_(make_mid_block(b)),
      conv_norm_out_(b.parameters, "conv_norm_out", b.channels(0),
                     {.num_groups = config_.norm_num_groups,
                      .epsilon = config_.norm_eps,
                      .activation = Activation::silu}),
      conv_out_(b.parameters, "conv_out", {.in = b.channels(0), .out = config_.out_channels},
                kConv3x3, ParameterRole::last_weight),
      parameters_(std::move(b.parameters)) {}

std::int64_t UNet::num_parameters() const {
  std::int64_t total = 0;
  for (const Parameter* parameter : parameters()) total += parameter->value.size();
  return total;
}

void UNet::check_input(const Tensor& x, std::span<const double> t,
                       const ClassLabels& labels) const {
  const Shape& shape = x.shape();
  require(shape.rank() == 4 && shape[3] == config_.in_channels, "unet: x is ", shape,
          ", expected [N,H,W,", config_.in_channels, "]");
  const std::int64_t shrink = std::int64_t{1} << (config_.num_levels() - 1);
  require(shape[1] > 0 && shape[2] > 0 && shape[1] % shrink == 0 && shape[2] % shrink == 0,
          "unet: height and width of x ", shape, " must be multiples of ", shrink);
  require(static_cast<std::int64_t>(t.size()) == shape[0], "unet: ", t.size(),
          " time steps for the ", shape[0], " images of x");
  check_times(t);
  if (class_embedding_) return class_embedding_->check(labels, shape[0], time_projection_);
  require(labels.numbers.empty() && !labels.vectors.defined(),
          "unet: this network is not class-conditional: it cannot be told the class of an image");
}

Var UNet::time_and_class_embedding(Tape& tape, const Device& device, std::span<const double> t,
                                   const ClassLabels& labels) const {
  const Var temb = time_embedding_(tape, time_projection_(tape, device, t));  // [N,C_emb]
  if (!class_embedding_) return temb;
  return add(tape, temb, (*class_embedding_)(tape, device, labels, time_projection_));
}

Var UNet::operator()(Tape& tape, const Tensor& x, std::span<const double> t,
                     const ClassLabels& labels) const {
  check_input(x, t, labels);
  const Var active_temb = activate(tape, time_and_class_embedding(tape, x.device(), t, labels),
                                   config_.act_fn);  // [N,C_emb]
  Var h = conv_in_(tape, tape.constant(config_.center_input_sample ? centred(x) : x), {},
                   x.device().activation_dtype(x.dtype()));
  std::vector<Var> skips{h};
  for (const DownBlock& block : down_blocks_) h = block(tape, std::move(h), active_temb, skips);
  if (mid_block_) h = (*mid_block_)(tape, std::move(h), active_temb);
  for (const UpBlock& block : up_blocks_) h = block(tape, std::move(h), active_temb, skips);
  h = conv_out_(tape, conv_norm_out_(tape, h), {}, x.dtype());  // [N,H,W,C_out]
  if (config_.time_embedding_type == TimeEmbeddingType::fourier)
    h = scale_per_image(tape, h, inverses(t));  // [N,H,W,C_out]
  return h;
}

}  // namespace ddim::engine
