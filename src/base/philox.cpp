#include "base/philox.h"

#include <cassert>
#include <cmath>
#include <numbers>

namespace ddim::engine {

std::array<std::uint32_t, 4> philox4x32_10(std::array<std::uint32_t, 4> counter,
                                           std::array<std::uint32_t, 2> key) {
  constexpr std::uint64_t kMultiplier0 = 0xD2511F53;
  constexpr std::uint64_t kMultiplier1 = 0xCD9E8D57;
  constexpr std::uint32_t kWeyl0 = 0x9E3779B9;
  constexpr std::uint32_t kWeyl1 = 0xBB67AE85;
  for (int round = 0; round < 10; ++round) {
    const std::uint64_t product0 = kMultiplier0 * counter[0];
    const std::uint64_t product1 = kMultiplier1 * counter[2];
    counter = {static_cast<std::uint32_t>(product1 >> 32) ^ counter[1] ^ key[0],
               static_cast<std::uint32_t>(product1),
               static_cast<std::uint32_t>(product0 >> 32) ^ counter[3] ^ key[1],
               static_cast<std::uint32_t>(product0)};
    key[0] += kWeyl0;
    key[1] += kWeyl1;
  }
  return counter;
}

std::array<std::uint32_t, 4> random_block(const NoiseKey& key, std::uint32_t image,
                                          std::uint32_t block) {
  assert(key.lane < (1U << 24));
  const std::uint32_t stream = (static_cast<std::uint32_t>(key.purpose) << 24) | key.lane;
  return philox4x32_10(
      {block, key.step, image, stream},
      {static_cast<std::uint32_t>(key.seed), static_cast<std::uint32_t>(key.seed >> 32)});
}

namespace {

/// out[4*block ..] = values_of(block); the last block may be shorter.
template <class ValuesOf>
void fill_blocks(std::span<float> out, ValuesOf values_of) {
  for (std::size_t i = 0; i < out.size(); i += 4) {
    const std::array<float, 4> values = values_of(static_cast<std::uint32_t>(i / 4));
    for (std::size_t j = 0; j < 4 && i + j < out.size(); ++j) out[i + j] = values[j];
  }
}

}  // namespace

std::array<float, 4> normal_block(const NoiseKey& key, std::uint32_t image, std::uint32_t block) {
  const std::array<std::uint32_t, 4> bits = random_block(key, image, block);
  std::array<float, 4> values;
  for (std::size_t pair = 0; pair < 2; ++pair) {
    const double u = (bits[2 * pair] + 0.5) * 0x1p-32;  // in (0, 1): the logarithm is finite
    const double angle = 2.0 * std::numbers::pi * (bits[2 * pair + 1] * 0x1p-32);
    const double radius = std::sqrt(-2.0 * std::log(u));
    values[2 * pair] = static_cast<float>(radius * std::cos(angle));
    values[2 * pair + 1] = static_cast<float>(radius * std::sin(angle));
  }
  return values;
}

void fill_normal(const NoiseKey& key, std::uint32_t image, std::span<float> out) {
  fill_blocks(out, [&](std::uint32_t block) { return normal_block(key, image, block); });
}

void fill_uniform(const NoiseKey& key, std::uint32_t image, std::span<float> out) {
  fill_blocks(out, [&](std::uint32_t block) {
    const std::array<std::uint32_t, 4> bits = random_block(key, image, block);
    std::array<float, 4> values;
    for (std::size_t j = 0; j < 4; ++j) values[j] = uniform_from_bits(bits[j]);
    return values;
  });
}

}  // namespace ddim::engine
