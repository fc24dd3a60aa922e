#pragma once

#include <array>
#include <cstdint>
#include <span>

namespace ddim::engine {

/// Philox4x32-10 (Salmon et al., SC 2011): 128 random bits as a pure function of a counter and a
/// key.
std::array<std::uint32_t, 4> philox4x32_10(std::array<std::uint32_t, 4> counter,
                                           std::array<std::uint32_t, 2> key);

/// The purpose of a random number. It is part of the counter, so two purposes never share a number.
/// The values are part of the determinism contract: append new ones, never renumber.
enum class Purpose : std::uint32_t {
  initial_state = 0,   ///< x_T
  step_noise = 1,      ///< z of a sampling step
  training_noise = 2,  ///< eps of a training step
  time_step = 3,       ///< t of a training step
  dropout = 4,
  augmentation = 5,
  initialisation = 6,  ///< network weights
  shuffle = 7,
  evaluation = 8,
  label_dropout = 9,
  dequantisation = 10,  ///< noise added to pictures before encoding
  validation = 11,      ///< eps of the validation of a training
  resampling = 12,      ///< which pictures a resample or a subset has
};

/// The random numbers of one image. A value is a function of (seed, purpose, lane, image, step,
/// element) and of nothing else. So there is no generator state to save, and batch size, number of
/// threads and resuming cannot change a number.
struct NoiseKey {
  std::uint64_t seed = 0;
  Purpose purpose = Purpose::initial_state;
  std::uint32_t step = 0;  ///< sampling step, or training step
  std::uint32_t lane =
      0;  ///< one of several streams of this purpose (a dropout layer, a parameter); < 2^24
};

/// Four random words: element 4*block .. 4*block+3 of the stream of image `image`.
std::array<std::uint32_t, 4> random_block(const NoiseKey& key, std::uint32_t image,
                                          std::uint32_t block);

/// A uniform float in [0, 1) with 24 random bits.
inline float uniform_from_bits(std::uint32_t bits) {
  return static_cast<float>(bits >> 8) * 0x1p-24F;
}

/// Four standard normal values (Box-Muller in double, rounded to float): element 4*block ..
/// 4*block+3 of the stream of image `image`.
std::array<float, 4> normal_block(const NoiseKey& key, std::uint32_t image, std::uint32_t block);

/// Fills `out` with standard normal values: out[i] is element i of image `image`'s stream.
void fill_normal(const NoiseKey& key, std::uint32_t image, std::span<float> out);

/// Fills `out` with uniform values in [0, 1): out[i] is element i of image `image`'s stream.
void fill_uniform(const NoiseKey& key, std::uint32_t image, std::span<float> out);

}  // namespace ddim::engine
