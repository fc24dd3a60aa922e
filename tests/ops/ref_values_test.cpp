// The reference kernels against numbers worked out by hand: finite differences only show that a
// gradient belongs to its forward function, not that the function is the right one.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "backend/make_device.h"
#include "tensor/kernels.h"

namespace ddim::engine {
namespace {

using testing::ElementsAre;
using testing::FloatNear;
using testing::Pointwise;

class RefValues : public testing::Test {
 protected:
  Tensor tensor(const Shape& shape, const std::vector<float>& values) {
    return from_host(device, shape, values);
  }
  /// 1, 2, 3, ...
  Tensor counting(const Shape& shape) {
    std::vector<float> values(static_cast<std::size_t>(shape.size()));
    for (std::size_t i = 0; i < values.size(); ++i) values[i] = static_cast<float>(i + 1);
    return tensor(shape, values);
  }
  Tensor result(const Shape& shape) { return {device, shape}; }

  Device device = make_device(DeviceKind::reference);
  Kernels& k = device.kernels();
};

TEST_F(RefValues, ConvolutionIsCrossCorrelationWithRowsBeforeColumns) {
  // x = 1 2 3 / 4 5 6; only tap (u=0, v=2) is 1: y[i,j] = x[i-1,j+1].
  const Tensor x = counting({1, 2, 3, 1});
  const Tensor weight = tensor({1, 1, 3, 3}, {0, 0, 1, 0, 0, 0, 0, 0, 0});
  Tensor y = result({1, 2, 3, 1});
  k.conv2d(x, weight, {}, {}, y);
  EXPECT_THAT(to_host(y), ElementsAre(0, 0, 0, 2, 3, 0));
}

TEST_F(RefValues, ConvolutionSumsInputChannelsAndAddsEverything) {
  const Tensor x = tensor({2, 1, 1, 2}, {1, 2, 3, 4});
  const Tensor weight = tensor({2, 2, 1, 1}, {1, 10, 100, 1000});
  const ConvAddends<Tensor> addends{.bias = tensor({2}, {0.5F, 0.25F}),
                                    .per_image_bias = tensor({2, 2}, {10000, 20000, 30000, 40000}),
                                    .residual = tensor({2, 1, 1, 2}, {-1, -2, -3, -4})};
  Tensor y = result({2, 1, 1, 2});
  k.conv2d(x, weight, addends, {.kernel = 1, .pad_begin = 0, .pad_end = 0}, y);
  EXPECT_THAT(to_host(y), ElementsAre(21 + 0.5 + 10000 - 1, 2100 + 0.25 + 20000 - 2,
                                      43 + 0.5 + 30000 - 3, 4300 + 0.25 + 40000 - 4));
}

TEST_F(RefValues, StridedConvolutionPadsWhereItIsTold) {
  // All taps 1 on x = 1..16 in 4x4.
  const Tensor x = counting({1, 4, 4, 1});
  const Tensor weight = tensor({1, 1, 3, 3}, std::vector<float>(9, 1.0F));
  Tensor y = result({1, 2, 2, 1});
  k.conv2d(x, weight, {}, {.stride = 2, .pad_begin = 0, .pad_end = 1}, y);
  EXPECT_THAT(to_host(y), ElementsAre(54, 3 + 4 + 7 + 8 + 11 + 12, 9 + 10 + 11 + 13 + 14 + 15,
                                      11 + 12 + 15 + 16));
  k.conv2d(x, weight, {}, {.stride = 2, .pad_begin = 1, .pad_end = 1}, y);
  EXPECT_THAT(to_host(y),
              ElementsAre(1 + 2 + 5 + 6, 2 + 3 + 4 + 6 + 7 + 8, 5 + 6 + 9 + 10 + 13 + 14, 99));
}

TEST_F(RefValues, UpsamplingConvolutionSlidesOverRepeatedPixels) {
  // x = 1 2, repeated to 1 1 2 2 / 1 1 2 2; all taps 1.
  const Tensor x = counting({1, 1, 2, 1});
  const Tensor weight = tensor({1, 1, 3, 3}, std::vector<float>(9, 1.0F));
  Tensor y = result({1, 2, 4, 1});
  k.conv2d(x, weight, {}, {.upsample = 2}, y);
  EXPECT_THAT(to_host(y), ElementsAre(4, 8, 10, 8, 4, 8, 10, 8));
}

TEST_F(RefValues, LinearMultipliesByTheTransposedWeight) {
  const Tensor x = tensor({2, 2}, {1, 2, 3, 4});
  const Tensor weight = tensor({3, 2}, {1, 0, 0, 1, 1, 1});
  Tensor y = result({2, 3});
  k.linear(x, weight, tensor({3}, {0, 0, 10}), y);
  EXPECT_THAT(to_host(y), ElementsAre(1, 2, 13, 3, 4, 17));
}

TEST_F(RefValues, AttentionWeighsValuesByTheSoftmaxOverKeys) {
  // One query against two keys whose scores differ by log 3: weights 1/4 and 3/4.
  const float log3 = std::log(3.0F);
  const Tensor q = tensor({1, 2, 1}, {2, 0});
  const Tensor keys = tensor({1, 2, 1}, {0, log3});
  const Tensor v = tensor({1, 2, 1}, {8, 16});
  Tensor lse = result({1, 1, 2});
  Tensor y = result({1, 2, 1});
  k.attention(q, keys, v, 1, 0.5, lse, y);
  EXPECT_THAT(to_host(y), Pointwise(FloatNear(1e-5F), {14.0F, 12.0F}));
  EXPECT_THAT(to_host(lse), Pointwise(FloatNear(1e-6F), {std::log(4.0F), std::log(2.0F)}));
}

TEST_F(RefValues, AttentionHeadsAreRangesOfChannels) {
  // Head 0 attends to token 1, head 1 to token 0.
  const Tensor q = tensor({1, 2, 2}, {1, 1, 1, 1});
  const Tensor keys = tensor({1, 2, 2}, {0, 1000, 1000, 0});
  const Tensor v = tensor({1, 2, 2}, {1, 2, 3, 4});
  Tensor lse = result({1, 2, 2});
  Tensor y = result({1, 2, 2});
  k.attention(q, keys, v, 2, 1.0, lse, y);
  EXPECT_THAT(to_host(y), ElementsAre(3, 2, 3, 2));
}

TEST_F(RefValues, GroupNormUsesTheBiasedVarianceOfPixelsAndChannelsOfAGroup) {
  // Groups {0,1} and {2,3} over two pixels: group 0 holds 1 3 1 3, group 1 holds 0 0 4 4.
  const Tensor x = tensor({1, 1, 2, 4}, {1, 3, 0, 0, 1, 3, 4, 4});
  const Tensor gamma = tensor({4}, {1, 1, 10, 1});
  const Tensor beta = tensor({4}, {0, 0, 0, 5});
  Tensor mean = result({1, 2});
  Tensor rstd = result({1, 2});
  Tensor y = result({1, 1, 2, 4});
  k.group_norm(x, gamma, beta, {.num_groups = 2, .epsilon = 0.0}, mean, rstd, y);
  EXPECT_THAT(to_host(mean), ElementsAre(2, 2));
  EXPECT_THAT(to_host(rstd), ElementsAre(1, 0.5));
  EXPECT_THAT(to_host(y), ElementsAre(-1, 1, -10, 4, -1, 1, 10, 6));
  k.group_norm(x, gamma, beta, {.num_groups = 2, .epsilon = 3.0}, mean, rstd, y);
  EXPECT_THAT(to_host(rstd), Pointwise(FloatNear(1e-7F), {0.5F, 1.0F / std::sqrt(7.0F)}));
  k.group_norm(x, gamma, beta, {.num_groups = 2, .epsilon = 0.0, .activation = Activation::silu},
               mean, rstd, y);
  EXPECT_NEAR(to_host(y)[1], 1.0 / (1.0 + std::exp(-1.0)), 1e-7);
}

TEST_F(RefValues, PartsOfAnInputLieSideBySideInItsChannels) {
  Tensor y = result({1, 1, 2, 1});
  k.conv2d({tensor({1, 1, 2, 1}, {1, 2}), tensor({1, 1, 2, 2}, {10, 20, 30, 40})},
           tensor({1, 3, 1, 1}, {1, 2, 3}), {}, {.kernel = 1, .pad_begin = 0, .pad_end = 0}, y);
  EXPECT_THAT(to_host(y), ElementsAre(1 + 20 + 60, 2 + 60 + 120));

  // The groups of the test above, the first of them in both parts.
  const Tensor gamma = tensor({4}, {1, 1, 10, 1});
  const Tensor beta = tensor({4}, {0, 0, 0, 5});
  Tensor mean = result({1, 2});
  Tensor rstd = result({1, 2});
  Tensor normalised = result({1, 1, 2, 4});
  k.group_norm({tensor({1, 1, 2, 1}, {1, 1}), tensor({1, 1, 2, 3}, {3, 0, 0, 3, 4, 4})}, gamma,
               beta, {.num_groups = 2, .epsilon = 0.0}, mean, rstd, normalised);
  EXPECT_THAT(to_host(normalised), ElementsAre(-1, 1, -10, 4, -1, 1, 10, 6));
}

TEST_F(RefValues, Activations) {
  const Tensor x = tensor({5}, {0, 1, -1, -200, 100});
  Tensor y = result({5});
  k.activate(Activation::silu, x, y);
  const float s = 1.0F / (1.0F + std::exp(-1.0F));
  EXPECT_THAT(to_host(y), Pointwise(FloatNear(1e-7F), {0.0F, s, s - 1.0F, 0.0F, 100.0F}));
  // tanh(log(1 + e)) and tanh(log(1 + 1/e)), from a table
  k.activate(Activation::mish, x, y);
  EXPECT_THAT(to_host(y),
              Pointwise(FloatNear(1e-7F), {0.0F, 0.86509839F, -0.30340146F, 0.0F, 100.0F}));
  // the normal distribution function of 1 is 0.8413447
  k.activate(Activation::gelu, x, y);
  EXPECT_THAT(to_host(y),
              Pointwise(FloatNear(1e-7F), {0.0F, 0.84134475F, -0.15865525F, 0.0F, 100.0F}));
  k.activate(Activation::relu, x, y);
  EXPECT_THAT(to_host(y), ElementsAre(0, 1, 0, 0, 100));
}

TEST_F(RefValues, ScaleAndShiftPerImageAndChannel) {
  const Tensor x = tensor({2, 1, 2, 2}, {1, 2, 3, 4, 5, 6, 7, 8});
  const Tensor modulation = tensor({2, 4}, {0, 1, 10, 20, -1, -3, 30, 40});  // scales, then shifts
  Tensor y = result({2, 1, 2, 2});
  k.scale_shift(x, modulation, Activation::none, y);
  EXPECT_THAT(to_host(y), ElementsAre(11, 24, 13, 28, 30, 28, 30, 24));
  k.scale_shift(x, tensor({2, 4}, {-3, 0, 0, 0, 0, 0, 0, -7}), Activation::relu, y);
  EXPECT_THAT(to_host(y), ElementsAre(0, 2, 0, 4, 5, 0, 7, 1));
}

TEST_F(RefValues, DropoutKeepsWhereTheImagesUniformStreamIsNotBelow) {
  const NoiseKey noise{.seed = 3, .purpose = Purpose::dropout, .step = 5, .lane = 6};
  const Tensor x = tensor({2, 1000}, std::vector<float>(2000, 3.0F));
  Tensor y = result({2, 1000});
  k.dropout(x, {.noise = noise, .first_image = 40, .probability = 0.25}, {y});
  std::vector<float> uniform(1000);
  fill_uniform(noise, 41, uniform);
  const std::vector<float> values = to_host(y);
  int num_dropped = 0;
  for (std::size_t i = 0; i < 1000; ++i) {
    EXPECT_EQ(values[1000 + i], uniform[i] < 0.25F ? 0.0F : 4.0F);
    num_dropped += values[1000 + i] == 0.0F;
  }
  EXPECT_NEAR(num_dropped, 250, 60);
}

TEST_F(RefValues, MovingKernels) {
  const Tensor a = tensor({1, 1, 2, 1}, {1, 2});
  const Tensor b = tensor({1, 1, 2, 2}, {10, 20, 30, 40});
  Tensor large = result({1, 2, 4, 1});
  k.upsample_nearest_2x(a, large);
  EXPECT_THAT(to_host(large), ElementsAre(1, 1, 2, 2, 1, 1, 2, 2));
  Tensor small = result({1, 1, 2, 1});
  k.downsample_mean_2x(counting({1, 2, 4, 1}), small);  // 1 2 3 4 / 5 6 7 8
  EXPECT_THAT(to_host(small), ElementsAre(3.5, 5.5));
  Tensor rows = result({3, 2});
  k.gather_rows(counting({3, 2}), std::vector<std::int64_t>{2, 0, 2}, rows);
  EXPECT_THAT(to_host(rows), ElementsAre(5, 6, 1, 2, 5, 6));
  Tensor scaled = result({3, 2});
  k.scale_per_image(rows, std::vector<double>{-2, 1, 10}, {scaled});
  EXPECT_THAT(to_host(scaled), ElementsAre(-10, -12, 1, 2, 50, 60));
  Tensor sums = result({1, 2});
  k.sum_pixels(b, {sums});
  EXPECT_THAT(to_host(sums), ElementsAre(40, 60));
  k.accumulate(sums, {sums, Write::accumulate});
  EXPECT_THAT(to_host(sums), ElementsAre(80, 120));
}

TEST_F(RefValues, NoiseAndForwardProcess) {
  const NoiseKey key{.seed = 1, .purpose = Purpose::training_noise, .step = 9};
  Tensor z = result({2, 3});
  k.normal_noise(key, 5, z);
  std::vector<float> expected(3);
  fill_normal(key, 6, expected);
  EXPECT_THAT(to_host(z.slice(1, 1)), testing::ElementsAreArray(expected));
  Tensor y = result({2, 2});
  k.mix_per_image(std::vector<double>{1, 2}, tensor({2, 2}, {1, 2, 3, 4}),
                  std::vector<double>{10, 100}, tensor({2, 2}, {1, 1, 2, 2}), y);
  EXPECT_THAT(to_host(y), ElementsAre(11, 12, 206, 208));
}

TEST_F(RefValues, SquaredErrorPerImage) {
  std::vector<double> sums(2);
  k.squared_error(tensor({2, 2}, {1, 2, 3, 4}), tensor({2, 2}, {0, 0, 3, 6}), sums);
  EXPECT_THAT(sums, ElementsAre(5, 4));
  Tensor gradient = result({2, 2});
  k.squared_error_backward(tensor({2, 2}, {1, 2, 3, 4}), tensor({2, 2}, {0, 0, 3, 6}), 0.5,
                           {gradient});
  EXPECT_THAT(to_host(gradient), ElementsAre(1, 2, 0, -2));
}

TEST_F(RefValues, SamplerUpdateClipsAndRederivesOnlyWhenTold) {
  const Tensor x = tensor({1, 2}, {1, -4});
  const Tensor eps = tensor({1, 2}, {1, 1});
  const Tensor z = tensor({1, 2}, {100, 200});
  Tensor x_prev = result({1, 2});
  Tensor x0 = result({1, 2});
  // x0 = 2 x - eps = 1, -9
  SamplerUpdate update{.x0_from_x = 2,
                       .x0_from_output = -1,
                       .prev_from_x0 = 10,
                       .prev_from_eps = 3,
                       .prev_from_noise = 1};
  k.sampler_update(update, x, eps, z, x_prev, x0);
  EXPECT_THAT(to_host(x0), ElementsAre(1, -9));
  EXPECT_THAT(to_host(x_prev), ElementsAre(10 + 3 + 100, -90 + 3 + 200));
  update.clip = 2;
  k.sampler_update(update, x, eps, z, x_prev, x0);
  EXPECT_THAT(to_host(x0), ElementsAre(1, -2));
  EXPECT_THAT(to_host(x_prev), ElementsAre(113, -20 + 3 + 200));
  update.eps_from_output = 0;  // eps = (x0 - 2 x) / -1 = 1, (-2 - 2 * -4) / -1 = -6
  update.eps_from_x = 2;
  update.eps_from_x0 = -1;
  k.sampler_update(update, x, eps, z, x_prev, x0);
  EXPECT_THAT(to_host(x_prev), ElementsAre(113, -20 - 18 + 200));
  update.x0_scale = 0.5;  // x0 = 0.5, -1; eps = 2 - 0.5, -8 + 1
  k.sampler_update(update, x, eps, z, x_prev, x0);
  EXPECT_THAT(to_host(x0), ElementsAre(0.5, -1));
  EXPECT_THAT(to_host(x_prev), ElementsAre(5 + 4.5 + 100, -10 - 21 + 200));
}

TEST_F(RefValues, LinearCombination) {
  const std::vector<Tensor> terms{tensor({1, 2}, {1, -4}), tensor({1, 2}, {3, 5})};
  Tensor y = result({1, 2});
  k.linear_combination(std::vector<double>{2, -1}, terms, y);
  EXPECT_THAT(to_host(y), ElementsAre(2 - 3, -8 - 5));
}

// Of the variances 0.25 and 4: 2, 0.5, and 1 halfway.
TEST_F(RefValues, LearnedDeviation) {
  Tensor z = tensor({1, 4}, {10, 10, -10, 1});
  k.scale_by_learned_deviation({.largest = 4.0, .smallest = 0.25}, tensor({1, 4}, {1, -1, 0, 3}),
                               z);
  EXPECT_THAT(to_host(z), ElementsAre(testing::FloatEq(20), testing::FloatEq(5),
                                      testing::FloatEq(-10), testing::FloatEq(8)));
}

// As torch.quantile: of 0 1 2 4 8, the quantile 0.7 stands at place 2.8.
TEST_F(RefValues, AbsoluteQuantile) {
  const Tensor x = tensor({2, 5}, {-8, 1, -2, 4, 0, 3, 3, 3, 3, NAN});
  std::vector<double> quantiles(2);
  k.absolute_quantile(x, 0.7, quantiles);
  EXPECT_DOUBLE_EQ(quantiles[0], 2 + 0.8 * 2);
  EXPECT_TRUE(std::isnan(quantiles[1]));
  k.absolute_quantile(x, 1.0, quantiles);
  EXPECT_EQ(quantiles[0], 8);
}

TEST_F(RefValues, AdamStep) {
  const AdamUpdate update{.learning_rate = 0.1,
                          .beta1 = 0.5,
                          .beta2 = 0.75,
                          .epsilon = 0.5,
                          .step = 2,
                          .grad_scale = 2.0,
                          .ema_decay = 0.9};
  Tensor p = tensor({1}, {1});
  Tensor m = tensor({1}, {2});
  Tensor v = tensor({1}, {3});
  Tensor ema = tensor({1}, {4});
  const std::uint64_t version = p.version();
  k.adam(update, tensor({1}, {2}), p, m, v, ema);  // g = 4
  EXPECT_FLOAT_EQ(to_host(m)[0], 3.0F);            // 1 + 2
  EXPECT_FLOAT_EQ(to_host(v)[0], 6.25F);           // 2.25 + 4
  const double denominator = 2.5 / std::sqrt(1.0 - 0.5625) + 0.5;
  const double expected = 1.0 - 0.1 / 0.75 * 3.0 / denominator;
  EXPECT_NEAR(to_host(p)[0], expected, 1e-7);
  EXPECT_NEAR(to_host(ema)[0], 3.6 + 0.1 * expected, 1e-6);
  EXPECT_GT(p.version(), version);
  EXPECT_GT(ema.version(), 0U);
}

TEST_F(RefValues, Reductions) {
  EXPECT_EQ(k.sum_of_squares(tensor({3}, {1, 2, 3})), 14.0);
  EXPECT_TRUE(k.all_finite(tensor({2}, {1, -3e38F})));
  EXPECT_FALSE(k.all_finite(tensor({2}, {1, std::numeric_limits<float>::infinity()})));
  EXPECT_FALSE(k.all_finite(tensor({2}, {std::numeric_limits<float>::quiet_NaN(), 1})));
}

}  // namespace
}  // namespace ddim::engine
