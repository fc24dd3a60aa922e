#include "base/philox.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <set>
#include <vector>

namespace ddim::engine {
namespace {

using testing::ElementsAre;
using testing::FloatNear;
using testing::Pointwise;

// The known answers that Random123 publishes for philox4x32-10.
TEST(Philox, KnownAnswers) {
  EXPECT_THAT(philox4x32_10({0, 0, 0, 0}, {0, 0}),
              ElementsAre(0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8));
  EXPECT_THAT(
      philox4x32_10({0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff}, {0xffffffff, 0xffffffff}),
      ElementsAre(0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd));
  EXPECT_THAT(
      philox4x32_10({0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}, {0xa4093822, 0x299f31d0}),
      ElementsAre(0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1));
}

constexpr NoiseKey kKey{
    .seed = 0x0123456789ABCDEF, .purpose = Purpose::step_noise, .step = 7, .lane = 3};

// The determinism contract as numbers, from a second implementation of its formulas: whoever
// changes them changes every picture ever made with a seed.
TEST(Philox, StreamsAreFixedForAllTime) {
  std::vector<float> normal(7);
  fill_normal(kKey, 5, normal);
  EXPECT_THAT(normal,
              Pointwise(FloatNear(1e-6F), {0.10253052F, 0.37509582F, 0.82452743F, 0.58336920F,
                                           -0.74618293F, 0.29715750F, -2.2432520F}));
  std::vector<float> uniform(6);
  fill_uniform(kKey, 5, uniform);
  EXPECT_THAT(uniform, Pointwise(FloatNear(1e-7F), {0.92718261F, 0.20753318F, 0.60044599F,
                                                    0.09800041F, 0.72430277F, 0.43968254F}));
}

TEST(Philox, AnElementDoesNotDependOnHowManyAreAskedFor) {
  std::vector<float> all(64);
  fill_normal(kKey, 0, all);
  for (std::size_t size = 0; size <= 9; ++size) {
    std::vector<float> some(size);
    fill_normal(kKey, 0, some);
    EXPECT_THAT(some, testing::ElementsAreArray(all.data(), size));
  }
}

TEST(Philox, EveryPartOfAKeyChangesTheStream) {
  const auto with = [](auto change) {
    NoiseKey key = kKey;
    change(key);
    return key;
  };
  std::set<std::array<std::uint32_t, 4>> blocks;
  blocks.insert(random_block(kKey, 0, 0));
  blocks.insert(random_block(kKey, 1, 0));
  blocks.insert(random_block(kKey, 0, 1));
  blocks.insert(random_block(with([](NoiseKey& k) { k.seed ^= 1; }), 0, 0));
  blocks.insert(random_block(with([](NoiseKey& k) { k.seed ^= std::uint64_t{1} << 63; }), 0, 0));
  blocks.insert(random_block(with([](NoiseKey& k) { k.purpose = Purpose::dropout; }), 0, 0));
  blocks.insert(random_block(with([](NoiseKey& k) { k.step = 8; }), 0, 0));
  blocks.insert(random_block(with([](NoiseKey& k) { k.lane = 4; }), 0, 0));
  EXPECT_EQ(blocks.size(), 8U);
}

struct Moments {
  double mean, variance, skewness, kurtosis, lag_product;
};

Moments moments_of(const std::vector<float>& values) {
  Moments m{};
  const auto count = static_cast<double>(values.size());
  for (const float x : values) m.mean += x / count;
  double previous = 0.0;
  for (const float x : values) {
    const double d = x - m.mean;
    m.variance += d * d / count;
    m.skewness += d * d * d / count;
    m.kurtosis += d * d * d * d / count;
    m.lag_product += d * previous / count;
    previous = d;
  }
  return m;
}

// Bounds are five standard deviations of each estimate.
TEST(Philox, NormalsHaveTheMomentsOfANormal) {
  constexpr std::size_t kCount = 1'000'000;
  const double unit = 5.0 / std::sqrt(static_cast<double>(kCount));
  std::vector<float> values(kCount);
  fill_normal(kKey, 9, values);
  const Moments m = moments_of(values);
  EXPECT_NEAR(m.mean, 0.0, unit);
  EXPECT_NEAR(m.variance, 1.0, unit * std::sqrt(2.0));
  EXPECT_NEAR(m.skewness, 0.0, unit * std::sqrt(15.0));
  EXPECT_NEAR(m.kurtosis, 3.0, unit * std::sqrt(96.0));
  EXPECT_NEAR(m.lag_product, 0.0, unit);
}

TEST(Philox, StreamsOfDifferentImagesAreUncorrelated) {
  constexpr std::size_t kCount = 100'000;
  std::vector<float> a(kCount);
  std::vector<float> b(kCount);
  fill_normal(kKey, 0, a);
  fill_normal(kKey, 1, b);
  double product = 0.0;
  for (std::size_t i = 0; i < kCount; ++i) product += static_cast<double>(a[i]) * b[i];
  EXPECT_NEAR(product / kCount, 0.0, 5.0 / std::sqrt(static_cast<double>(kCount)));
}

TEST(Philox, UniformsFillTheUnitInterval) {
  constexpr std::size_t kCount = 100'000;
  std::vector<float> values(kCount);
  fill_uniform(kKey, 0, values);
  EXPECT_THAT(values, testing::Each(testing::AllOf(testing::Ge(0.0F), testing::Lt(1.0F))));
  const Moments m = moments_of(values);
  EXPECT_NEAR(m.mean, 0.5, 5.0 * std::sqrt(1.0 / 12.0 / kCount));
  EXPECT_NEAR(m.variance, 1.0 / 12.0, 5.0 * std::sqrt(1.0 / 180.0 / kCount));
  EXPECT_EQ(uniform_from_bits(0), 0.0F);
  EXPECT_EQ(uniform_from_bits(0xffffffff), 1.0F - 0x1p-24F);
}

}  // namespace
}  // namespace ddim::engine
