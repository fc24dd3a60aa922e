#pragma once

#include <cstdint>
#include <span>

#include "base/philox.h"
#include "tensor/kernels.h"

namespace ddim::engine::cpu::simd {

/// words = the stream of image `image` (see random_block) from element 4 * first_block on; its size
/// is a multiple of kWordsMultiple.
inline constexpr std::size_t kWordsMultiple = 32;
void random_words(const NoiseKey& key, std::uint32_t image, std::uint32_t first_block,
                  std::span<std::uint32_t> words);

/// y[i] = or += words[i] >> 8 >= first_kept ? scale * x[i] : 0, for n elements.
struct DropoutRule {
  std::int32_t first_kept;
  float scale;
};
void apply_dropout(const DropoutRule& rule, const std::uint32_t* words, const float* x, Write mode,
                   float* y, std::int64_t n);

}  // namespace ddim::engine::cpu::simd
