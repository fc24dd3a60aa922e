#pragma once

#include "nn/unet_config.h"

namespace ddim::engine {

/// The three networks of the DDIM paper.
inline UNetConfig cifar10_config() {
  return {.sample_size = 32, .block_out_channels = {128, 256, 256, 256}, .attention_levels = {1}};
}
inline UNetConfig celeba64_config() {
  return {
      .sample_size = 64, .block_out_channels = {128, 256, 256, 256, 512}, .attention_levels = {2}};
}
inline UNetConfig lsun256_config() {
  return {.sample_size = 256,
          .block_out_channels = {128, 128, 256, 256, 512, 512},
          .attention_levels = {4}};
}

/// A small one that has every kind of layer.
inline UNetConfig small_config() {
  return {.sample_size = 4,
          .in_channels = 3,
          .out_channels = 2,
          .layers_per_block = 1,
          .block_out_channels = {8, 12},
          .attention_levels = {1},
          .norm_num_groups = 4};
}

/// Three small ones with everything that the published networks do not have.
inline UNetConfig modulated_config() {
  UNetConfig config = small_config();
  config.sample_size = 8;  // 2x2 in the middle: attention to one pixel has no gradient
  config.block_out_channels = {8, 8, 12};
  config.attention_levels = {0, 2};
  config.up_attention_levels = {1};
  config.resnet_downsample_levels = {0};
  config.resnet_upsample_levels = {1, 2};
  config.mid_block_scale_factor = 1.4;
  config.attention_head_dim = 5;  // no divisor of 8 and 12
  config.act_fn = Activation::mish;
  config.resnet_time_scale_shift = TimeScaleShift::scale_shift;
  config.class_embed_type = ClassEmbedType::lookup;
  config.num_class_embeds = 4;
  config.null_class = 3;
  return config;
}
inline UNetConfig learned_times_config() {
  UNetConfig config = small_config();
  config.mid_block_type = MidBlockType::resnets;
  config.act_fn = Activation::gelu;
  config.center_input_sample = true;
  config.time_embedding_type = TimeEmbeddingType::learned;
  config.time_embedding_dim = 10;
  config.num_train_timesteps = 6;
  config.class_embed_type = ClassEmbedType::timestep;
  return config;
}
inline UNetConfig fourier_config() {
  UNetConfig config = small_config();
  config.mid_block_type = MidBlockType::none;
  config.time_embedding_type = TimeEmbeddingType::fourier;
  config.class_embed_type = ClassEmbedType::identity;
  return config;
}

}  // namespace ddim::engine
