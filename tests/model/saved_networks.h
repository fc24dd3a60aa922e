#pragma once

#include <ddim/unet_config.h>

#include <cstdint>
#include <vector>

#include "io/tensor_table.h"
#include "model/load_weights.h"

namespace ddim::test {

/// As the official code has them: 32 groups, the levels of its network for CIFAR-10.
inline UNetConfig official_network() {
  return {.sample_size = 32,
          .layers_per_block = 1,
          .block_out_channels = {32, 64, 64, 64},
          .attention_levels = {1}};
}

/// Tensor by tensor.
inline std::vector<std::vector<float>> values_of(const engine::model::StoredWeights& weights) {
  std::vector<std::vector<float>> values;
  for (const engine::io::TensorEntry& entry : weights) {
    values.emplace_back(static_cast<std::size_t>(entry.num_elements()));
    engine::io::read_f32(entry, values.back());
  }
  return values;
}

}  // namespace ddim::test
