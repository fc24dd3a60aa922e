#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "ddim/activation.h"
#include "ddim/picture_shape.h"

namespace ddim {

/// What stands for t: sines and cosines of fixed frequencies; of given frequencies times log t, as
/// in score-based models, whose output is divided by t (`fourier`); or a learned row per t.
enum class TimeEmbeddingType { positional, fourier, learned };

/// How a residual block takes up t: added to h, or as a factor and a summand of the normalised h.
enum class TimeScaleShift { add, scale_shift };

template <>
struct Names<TimeScaleShift> {
  static constexpr Named<TimeScaleShift> kAll[] = {{TimeScaleShift::add, "default"},
                                                   {TimeScaleShift::scale_shift, "scale_shift"}};
  static constexpr std::span<const Named<TimeScaleShift>> all() { return kAll; }
};

/// The block at the coarsest level: none, two residual blocks, or with attention between them.
enum class MidBlockType { none, resnets, attention };

/// How the class of an image is taken up, added to the embedding of t: `lookup` is a learned row
/// per class; `timestep` treats a number as if it were a t, with layers of its own; `identity` adds
/// a vector that comes from outside.
enum class ClassEmbedType { none, lookup, timestep, identity };

/// The shape of a diffusion U-Net. Field names and meanings are those of diffusers'
/// unet/config.json; the defaults are what google/ddpm-cifar10-32 says, not what diffusers assumes
/// when a field is absent. A list of levels is ascending; 0 is the finest.
struct UNetConfig {
  std::int64_t sample_size = 32;                  ///< height and width of an image
  std::optional<std::int64_t> sample_width = {};  ///< its width, where that is not sample_size
  std::int64_t in_channels = 3;
  std::int64_t out_channels = 3;
  std::int64_t layers_per_block = 2;                  ///< residual blocks per level on the way down
  std::vector<std::int64_t> block_out_channels = {};  ///< one entry per level, finest first
  /// Channels after conv_in, and sines and cosines of the time embedding; none = those of the first
  /// level. The official code's `ch`, which diffusers cannot tell from ch * ch_mult[0].
  std::optional<std::int64_t> base_channels = {};

  std::vector<std::int64_t> attention_levels = {};  ///< whose blocks have attention
  /// The same for the way up; none = as on the way down.
  std::optional<std::vector<std::int64_t>> up_attention_levels = {};
  std::vector<std::int64_t> resnet_downsample_levels = {};  ///< with Resampling::resnet
  std::vector<std::int64_t> resnet_upsample_levels = {};
  MidBlockType mid_block_type = MidBlockType::attention;
  double mid_block_scale_factor = 1.0;  ///< what sums in the middle are divided by

  std::int64_t norm_num_groups = 32;
  /// Groups of the norm before attention in the middle. None: norm_num_groups, or with scale_shift
  /// no norm at all.
  std::optional<std::int64_t> attn_norm_num_groups = {};
  double norm_eps = 1e-6;
  double dropout = 0.0;
  Activation act_fn = Activation::silu;                 ///< of the residual blocks
  std::optional<std::int64_t> attention_head_dim = {};  ///< channels of a head; none = one head
  TimeScaleShift resnet_time_scale_shift = TimeScaleShift::add;
  std::int64_t downsample_padding = 0;  ///< 0: one row and column at the end; 1: on every side
  bool center_input_sample = false;     ///< the network sees 2 x - 1

  TimeEmbeddingType time_embedding_type = TimeEmbeddingType::positional;
  std::optional<std::int64_t> time_embedding_dim = {};  ///< none = 4 times those after conv_in
  bool flip_sin_to_cos = false;                         ///< [cos, sin] instead of [sin, cos]
  std::int64_t freq_shift = 1;  ///< frequencies are 10000^(-i / (half - freq_shift))
  std::optional<std::int64_t> num_train_timesteps = {};  ///< rows of a learned time embedding

  ClassEmbedType class_embed_type = ClassEmbedType::none;
  std::optional<std::int64_t> num_class_embeds = {};  ///< of ClassEmbedType::lookup
  /// The class that means "of no class", which classifier-free guidance starts from; none where the
  /// network was not trained with one. Our own field.
  std::optional<std::int64_t> null_class = {};

  std::int64_t height() const { return sample_size; }  ///< of an image
  /// Of an image.
  std::int64_t width() const { return sample_width.value_or(sample_size); }
  /// Of its pictures.
  PictureShape picture_shape() const {
    return {.channels = in_channels, .height = height(), .width = width()};
  }
  /// Of resolution.
  std::int64_t num_levels() const { return static_cast<std::int64_t>(block_out_channels.size()); }
  /// Of the first convolution's output.
  std::int64_t conv_in_channels() const {
    return base_channels.value_or(block_out_channels.front());
  }
  /// Of the embedding of t that every block gets.
  std::int64_t time_embedding_channels() const {
    return time_embedding_dim.value_or(4 * conv_in_channels());
  }
  friend bool operator==(const UNetConfig& a, const UNetConfig& b) = default;
};

}  // namespace ddim
