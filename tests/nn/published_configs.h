#pragma once

#include "nn/unet_config.h"

namespace ddim {

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

}  // namespace ddim
