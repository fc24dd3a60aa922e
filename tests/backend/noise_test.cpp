#include <gtest/gtest.h>

#include <array>
#include <vector>

#include "backend/cpu/cpu_backend.h"
#include "backend/cpu/philox_simd.h"
#include "tensor/kernels.h"

namespace ddim::engine {
namespace {

TEST(PhiloxSimd, EqualsTheScalarGenerator) {
  Device device(make_cpu_backend(1));  // chooses the instruction set
  const NoiseKey key = {.seed = 0xFEDCBA9876543210,
                        .purpose = Purpose::dropout,
                        .step = 0xFFFFFFFF,
                        .lane = 0xABCDEF};
  for (const std::uint32_t first_block : {0U, 5U, 0x7FFFFFF0U}) {
    std::vector<std::uint32_t> words(7 * cpu::simd::kWordsMultiple);
    cpu::simd::random_words(key, 0xDEADBEEF, first_block, words);
    for (std::size_t i = 0; i < words.size(); ++i) {
      const auto block = first_block + static_cast<std::uint32_t>(i / 4);
      ASSERT_EQ(words[i], random_block(key, 0xDEADBEEF, block)[i % 4]) << "word " << i;
    }
  }
}

TEST(Dropout, KeepsExactlyWhatTheContractKeeps) {
  Device device(make_cpu_backend(2));
  constexpr std::int64_t kElements = 10001;
  Tensor x(device, {2, kElements});
  device.kernels().fill(1.0, x);
  const NoiseKey noise = {.seed = 9, .purpose = Purpose::dropout, .step = 3, .lane = 2};
  std::vector<float> uniform(kElements);
  fill_uniform(noise, 4, uniform);
  const double exactly_one_of_them = double{uniform[17]};
  for (const double probability : {0.0, 0.1, 0.5, 0.9999, exactly_one_of_them}) {
    const DropoutKey key = {.noise = noise, .first_image = 4, .probability = probability};
    const Tensor y(device, {2, kElements});
    device.kernels().dropout(x, key, {y});
    for (std::uint32_t n = 0; n < 2; ++n) {
      fill_uniform(noise, key.first_image + n, uniform);
      for (std::size_t i = 0; i < kElements; ++i) {
        const bool kept = double{uniform[i]} >= probability;
        const float expected = kept ? static_cast<float>(1.0 / (1.0 - probability)) : 0.0F;
        ASSERT_EQ(y.values<float>()[n * kElements + i], expected)
            << "probability " << probability << ", image " << n << ", element " << i;
      }
    }
  }
}

}  // namespace
}  // namespace ddim::engine
