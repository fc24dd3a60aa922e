#include "backend/cpu/philox_simd.h"

#include <cassert>
#include <cstddef>

#include "backend/cpu/simd_targets.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "backend/cpu/philox_simd.cpp"
#include <hwy/foreach_target.h>  // includes this file once for each instruction set
#include <hwy/highway.h>

#include "backend/cpu/simd_loops-inl.h"

HWY_BEFORE_NAMESPACE();
namespace ddim::engine::cpu::simd::HWY_NAMESPACE {

constexpr std::size_t kRounds = 10;

/// Philox4x32-10 on several blocks at once. Each 64-bit lane holds one 32-bit word of one block in
/// its lower half; the upper halves hold leftovers that no step looks at.
void random_words(const NoiseKey& key, std::uint32_t image, std::uint32_t first_block,
                  std::span<std::uint32_t> words) {
  const hn::ScalableTag<std::uint64_t> d;
  const hn::Repartition<std::uint32_t, decltype(d)> d32;
  const std::size_t lanes = hn::Lanes(d);
  assert(words.size() % kWordsMultiple == 0);
  static_assert(kWordsMultiple >= 4 * hn::MaxLanes(d), "whole vectors of blocks");
  const auto multiply = [&](auto word, std::uint64_t by) HWY_ATTR {
    return hn::MulEven(hn::BitCast(d32, word), hn::BitCast(d32, hn::Set(d, by)));
  };
  hn::Vec<decltype(d)> keys0[kRounds];
  hn::Vec<decltype(d)> keys1[kRounds];
  for (std::uint64_t round = 0; round < kRounds; ++round) {
    keys0[round] = hn::Set(d, key.seed + round * 0x9E3779B9);
    keys1[round] = hn::Set(d, (key.seed >> 32) + round * 0xBB67AE85);
  }
  const std::uint64_t stream = (static_cast<std::uint64_t>(key.purpose) << 24) | key.lane;
  auto blocks = hn::Iota(d, first_block);
  for (std::size_t block = 0; block < words.size() / 4; block += lanes) {
    auto word0 = blocks;
    auto word1 = hn::Set(d, std::uint64_t{key.step});
    auto word2 = hn::Set(d, std::uint64_t{image});
    auto word3 = hn::Set(d, stream);
    for (std::size_t round = 0; round < kRounds; ++round) {
      const auto product0 = multiply(word0, 0xD2511F53);
      const auto product1 = multiply(word2, 0xCD9E8D57);
      word0 = hn::Xor(hn::Xor(hn::ShiftRight<32>(product1), word1), keys0[round]);
      word2 = hn::Xor(hn::Xor(hn::ShiftRight<32>(product0), word3), keys1[round]);
      word1 = product1;
      word3 = product0;
    }
    blocks = hn::Add(blocks, hn::Set(d, lanes));
    const auto lower_half = hn::Set(d, std::uint64_t{0xFFFFFFFF});
    const auto words01 = hn::Or(hn::And(word0, lower_half), hn::ShiftLeft<32>(word1));
    const auto words23 = hn::Or(hn::And(word2, lower_half), hn::ShiftLeft<32>(word3));
    auto* out = reinterpret_cast<std::uint64_t*>(words.data() + 4 * block);
    hn::StoreInterleaved2(words01, words23, d, out);
  }
}

void apply_dropout(const DropoutRule& rule, const std::uint32_t* words, const float* x, Write mode,
                   float* y, std::int64_t n) {
  for_each_vector<float>(n, [&](auto d, std::int64_t i) HWY_ATTR {
    const hn::RebindToUnsigned<decltype(d)> du;
    const hn::RebindToSigned<decltype(d)> di;
    const auto uniform = hn::BitCast(di, hn::ShiftRight<8>(hn::LoadU(du, words + i)));
    const auto dropped = hn::RebindMask(d, hn::Lt(uniform, hn::Set(di, rule.first_kept)));
    const auto scaled = hn::Mul(hn::LoadU(d, x + i), hn::Set(d, rule.scale));
    write(d, hn::IfThenZeroElse(dropped, scaled), mode, y + i);
  });
}

}  // namespace ddim::engine::cpu::simd::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace ddim::engine::cpu::simd {

HWY_EXPORT(random_words);
HWY_EXPORT(apply_dropout);

void random_words(const NoiseKey& key, std::uint32_t image, std::uint32_t first_block,
                  std::span<std::uint32_t> words) {
  HWY_DYNAMIC_DISPATCH(random_words)(key, image, first_block, words);
}

void apply_dropout(const DropoutRule& rule, const std::uint32_t* words, const float* x, Write mode,
                   float* y, std::int64_t n) {
  HWY_DYNAMIC_DISPATCH(apply_dropout)(rule, words, x, mode, y, n);
}

}  // namespace ddim::engine::cpu::simd
#endif  // HWY_ONCE
