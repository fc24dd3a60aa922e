#pragma once

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "backend/make_device.h"
#include "base/sha256.h"
#include "data/dataset.h"
#include "tests/data/write_bytes.h"
#include "tests/support/text_files.h"
#include "train/run.h"
#include "train/training_state.h"

namespace ddim::engine::train {

/// A network of a few thousand parameters for 8x8 grey images, all of a training step in it:
/// two levels, attention, dropout, flips, clipping, warm-up, decay.
inline TrainConfig tiny_config() {
  TrainConfig config;
  config.model = {.sample_size = 8,
                  .in_channels = 1,
                  .out_channels = 1,
                  .layers_per_block = 1,
                  .block_out_channels = {8, 16},
                  .attention_levels = {1},
                  .norm_num_groups = 4,
                  .dropout = 0.1,
                  .attention_head_dim = {}};
  config.data.flip = true;
  config.training.batch = 8;
  config.training.shards = 4;
  config.training.steps = 20;
  config.training.learning_rate = 1e-3;
  config.training.warmup_steps = 5;
  config.training.decay = Decay::cosine;
  config.training.ema_decay = 0.9;
  config.training.seed = 11;
  config.training.threads = 2;
  config.output.checkpoint_every_steps = 5;
  config.output.log_every_steps = 2;
  return config;
}

/// `count` images of 8x8x1: a bright square of its own place in each.
inline data::Images tiny_images(std::int64_t count) {
  data::Images images{.count = count, .height = 8, .width = 8, .channels = 1, .pixels = {}};
  images.pixels.assign(static_cast<std::size_t>(count) * 64, 20);
  for (std::size_t n = 0; n < static_cast<std::size_t>(count); ++n) {
    for (std::size_t i = 0; i < 16; ++i)
      images.pixels[n * 64 + (n % 5 + i / 4) * 8 + (n * 3 % 5 + i % 4)] = 230;
  }
  return images;
}

/// The same as a data set, in five classes: where the square is.
inline data::Dataset tiny_dataset(std::int64_t count) {
  data::Dataset dataset{.images = tiny_images(count), .kind = "tiny"};
  for (std::int64_t n = 0; n < count; ++n) dataset.labels.push_back(n % 5);
  return dataset;
}

/// The images as an idx file, so that run_training() can load them.
inline void write_tiny_data(const std::filesystem::path& folder) {
  const data::Images images = tiny_images(10);
  std::vector<std::uint8_t> bytes{0, 0, 8, 3, 0, 0, 0, 10, 0, 0, 0, 8, 0, 0, 0, 8};
  bytes.insert(bytes.end(), images.pixels.begin(), images.pixels.end());
  test::write_bytes(folder / "train-images-idx3-ubyte", bytes);
}

inline std::string sha256_of_file(const std::filesystem::path& path) {
  const std::string text = test::read_text(path);
  EXPECT_FALSE(text.empty()) << path;
  return sha256_hex(std::as_bytes(std::span(text)));
}

/// The SHA-256 of weights, averages and both moments.
inline std::string sha256_of_state(const TrainingState& state) {
  Sha256 hash;
  const auto add = [&](const Tensor& tensor) {
    hash.update(std::as_bytes(std::span<const float>(to_host(tensor))));
  };
  for (const Parameter* parameter : state.network.parameters()) add(parameter->value);
  for (const Parameter* parameter : state.average.parameters()) add(parameter->value);
  for (const Tensor& tensor : state.m) add(tensor);
  for (const Tensor& tensor : state.v) add(tensor);
  return hash.finish_hex();
}

}  // namespace ddim::engine::train
