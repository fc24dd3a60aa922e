#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <cstdlib>
#include <limits>
#include <string>
#include <vector>

#include "backend/cpu/bf16.h"
#include "backend/cpu/cpu_backend.h"
#include "backend/cpu/isa.h"
#include "backend/cpu/matmul_simd.h"
#include "backend/cpu/simd_dispatch.h"
#include "tests/backend/tensors.h"

namespace ddim::engine {
namespace {

constexpr float kNan = std::numeric_limits<float>::quiet_NaN();
constexpr float kInfinity = std::numeric_limits<float>::infinity();

class Numeric : public testing::Test {
 protected:
  Tensor from(const std::vector<float>& values) const {
    return from_host(device_, {static_cast<std::int64_t>(values.size())}, values);
  }
  Kernels& kernels() const { return device_.kernels(); }

  Device device_{make_cpu_backend(1)};
};

TEST_F(Numeric, HighwayUsesTheInstructionSetThatWasAskedFor) {
  EXPECT_EQ(cpu::highway_isa(), std::min(cpu::active_isa(), cpu::Isa::avx512));
}

TEST_F(Numeric, SiluIsAccurateEverywhere) {
  std::vector<float> x;
  for (int i = -80000; i <= 80000; ++i) x.push_back(static_cast<float>(i) * 1e-3F);
  for (float v = 1e-30F; v < 1.0F; v *= 1.5F) x.insert(x.end(), {v, -v});
  const Tensor in = from(x);
  Tensor y = empty_like(in);
  kernels().activate(Activation::silu, in, y);
  for (std::size_t i = 0; i < x.size(); ++i) {
    const double expected = x[i] / (1.0 + std::exp(-double{x[i]}));
    ASSERT_NEAR(y.values<float>()[i], expected, 5e-7 * std::abs(expected)) << "x = " << x[i];
  }
}

TEST_F(Numeric, SiluOfExtremeValues) {
  const Tensor in = from({-1000.0F, -100.0F, 1000.0F, 1e30F, 0.0F, kNan, kInfinity});
  Tensor y = empty_like(in);
  kernels().activate(Activation::silu, in, y);
  const std::vector<float> out = to_host(y);
  EXPECT_NEAR(out[0], 0.0F, 1e-30F);
  EXPECT_NEAR(out[1], 0.0F, 1e-30F);
  EXPECT_EQ(out[2], 1000.0F);
  EXPECT_EQ(out[3], 1e30F);
  EXPECT_EQ(out[4], 0.0F);
  EXPECT_TRUE(std::isnan(out[5]));
  EXPECT_EQ(out[6], kInfinity);
}

TEST_F(Numeric, GroupStatisticsWithALargeMean) {
  const Shape shape = {1, 16, 16, 64};
  Tensor x = test::normal_tensor(device_, shape, 0);
  for (float& value : x.values<float>()) value = 300.0F + 0.5F * value;
  Tensor mean(device_, {1, 4}), rstd(device_, {1, 4}), y(device_, shape);
  Tensor gamma(device_, {64}), beta(device_, {64});
  kernels().fill(1.0, gamma);
  kernels().fill(0.0, beta);
  kernels().group_norm(x, gamma, beta, {.num_groups = 4, .epsilon = 1e-6}, mean, rstd, y);
  for (std::size_t g = 0; g < 4; ++g) {
    double sum = 0.0, squares = 0.0;
    const auto each = [&](const auto& body) {
      for (std::size_t i = 0; i < static_cast<std::size_t>(x.size()); ++i) {
        if (i % 64 / 16 == g) body(double{x.values<float>()[i]});
      }
    };
    each([&](double v) { sum += v; });
    const double expected_mean = sum / (256 * 16);
    each([&](double v) { squares += (v - expected_mean) * (v - expected_mean); });
    const double expected_rstd = 1.0 / std::sqrt(squares / (256 * 16) + 1e-6);
    EXPECT_NEAR(mean.values<float>()[g] / expected_mean, 1.0, 1e-7);
    EXPECT_NEAR(rstd.values<float>()[g] / expected_rstd, 1.0, 1e-7);
  }
}

TEST_F(Numeric, AllFiniteFindsOneBadNumberAnywhere) {
  constexpr float kLargest = std::numeric_limits<float>::max();
  for (const std::size_t size : {1, 15, 16, 17, 40, 16384 + 5}) {
    std::vector<float> values(size, -kLargest);
    values[0] = std::numeric_limits<float>::denorm_min();
    EXPECT_TRUE(kernels().all_finite(from(values)));
    const std::size_t stride = size / 40 + 1;
    for (std::size_t i = 0; i < size; i += stride) {
      for (const float bad : {kNan, -kNan, kInfinity, -kInfinity}) {
        std::vector<float> spoiled = values;
        spoiled[i] = bad;
        EXPECT_FALSE(kernels().all_finite(from(spoiled))) << bad << " at " << i << " of " << size;
      }
    }
  }
}

TEST_F(Numeric, ANanIsNotClippedAway) {
  const Tensor x = from({kNan, 5.0F, -5.0F, 0.5F});
  const Tensor eps = from({0.0F, 0.0F, 0.0F, 0.0F});
  Tensor x_prev = empty_like(x);
  Tensor x0_pred = empty_like(x);
  kernels().sampler_update({.clip = 1.0}, x, eps, Tensor(), x_prev, x0_pred);
  const std::vector<float> x0 = to_host(x0_pred);
  EXPECT_TRUE(std::isnan(x0[0]));
  EXPECT_TRUE(std::isnan(to_host(x_prev)[0]));
  EXPECT_EQ(x0[1], 1.0F);
  EXPECT_EQ(x0[2], -1.0F);
  EXPECT_EQ(x0[3], 0.5F);
}

TEST_F(Numeric, ANanIsTheLargestOfItsWindow) {
  for (const std::size_t place : {0, 1, 2, 3}) {
    std::vector<float> values{1.0F, 2.0F, 3.0F, 4.0F};
    values[place] = kNan;
    Tensor x(device_, {1, 2, 2, 1}), y(device_, {1, 1, 1, 1});
    kernels().upload(values, x);
    kernels().pool(x, {.pooling = Pooling::max, .kernel = 2, .stride = 2}, y);
    EXPECT_TRUE(std::isnan(to_host(y)[0])) << place;
  }
}

/// Every upper half of a float with lower halves around the ties.
std::vector<float> floats_around_ties() {
  std::vector<float> values;
  for (std::uint32_t upper = 0; upper <= 0xFFFF; ++upper)
    for (const std::uint32_t lower : {0U, 1U, 0x7FFFU, 0x8000U, 0x8001U, 0xFFFFU})
      values.push_back(std::bit_cast<float>(upper << 16 | lower));
  return values;
}

/// Whether `rounded` is what to_bf16() makes of a float. Instructions take denormals for zero.
bool is_rounded(float value, cpu::Bf16 rounded) {
  const cpu::Bf16 expected = cpu::to_bf16(value);
  if (rounded.bits == expected.bits) return true;
  const bool is_denormal = std::fpclassify(value) == FP_SUBNORMAL;
  return is_denormal && cpu::active_isa() >= cpu::Isa::avx512_bf16 &&
         rounded.bits == (expected.bits & 0x8000);
}

TEST_F(Numeric, RoundsToBf16AsTheFormulaDoes) {
  const std::vector<float> values = floats_around_ties();
  std::vector<cpu::Bf16> rounded(values.size());
  cpu::bf16::round(values.data(), std::ssize(values), rounded.data());
  for (std::size_t i = 0; i < values.size(); ++i)
    ASSERT_TRUE(is_rounded(values[i], rounded[i]))
        << std::bit_cast<std::uint32_t>(values[i]) << " became " << rounded[i].bits;

  // Any number of them, each time others; what is behind them stays.
  for (std::int64_t count = 0; count <= 70; ++count) {
    const float* const from = values.data() + 100'003 + 71 * count;
    std::vector<cpu::Bf16> to(static_cast<std::size_t>(count) + 1, cpu::Bf16{0x1234});
    cpu::bf16::round(from, count, to.data());
    for (std::int64_t i = 0; i < count; ++i)
      ASSERT_TRUE(is_rounded(from[i], to[static_cast<std::size_t>(i)])) << count << " " << i;
    EXPECT_EQ(to.back().bits, 0x1234) << count;
  }
}

TEST_F(Numeric, RoundsToBf16WhileItTransposesAndPacks) {
  const std::vector<float> values = floats_around_ties();
  const float* const from = values.data() + 200'001;
  for (const std::int64_t rows : {1, 2, 15, 16, 17, 33, 64, 79}) {
    for (const std::int64_t columns : {1, 3, 16, 31, 32, 33, 47, 64, 90}) {
      const auto at = [&](std::int64_t row, std::int64_t column) {
        return from[row * columns + column];
      };
      const std::int64_t stride = cpu::bf16::padded(rows);
      std::vector<cpu::Bf16> transposed(static_cast<std::size_t>(columns * stride));
      cpu::bf16::transpose_rounded(from, columns, columns, rows, transposed.data(), stride);
      std::vector<cpu::Bf16> panels(static_cast<std::size_t>(
          cpu::simd::num_panels<cpu::Bf16>(columns) * cpu::simd::panel_size<cpu::Bf16>(rows)));
      cpu::simd::pack_panels({.data = from, .row_stride = columns}, rows, columns, 0,
                             cpu::simd::num_panels<cpu::Bf16>(columns), panels.data());
      for (std::int64_t column = 0; column < columns; ++column) {
        for (std::int64_t row = 0; row < rows; ++row) {
          ASSERT_TRUE(is_rounded(at(row, column),
                                 transposed[static_cast<std::size_t>(column * stride + row)]))
              << "transposed " << rows << "x" << columns << " at " << row << "," << column;
          const std::int64_t place =
              column / cpu::bf16::kPanel * cpu::simd::panel_size<cpu::Bf16>(rows) +
              (row / 2 * cpu::bf16::kPanel + column % cpu::bf16::kPanel) * 2 + row % 2;
          ASSERT_TRUE(is_rounded(at(row, column), panels[static_cast<std::size_t>(place)]))
              << "packed " << rows << "x" << columns << " at " << row << "," << column;
        }
      }
    }
  }
}

TEST_F(Numeric, ANanStaysOneInBf16) {
  for (const std::uint32_t bits : {0x7FFFFFFFU, 0xFFFFFFFFU, 0x7F800001U, 0x7FC00000U}) {
    const auto rounded = std::uint32_t{cpu::to_bf16(std::bit_cast<float>(bits)).bits} << 16;
    EXPECT_TRUE(std::isnan(std::bit_cast<float>(rounded))) << std::hex << bits;
  }
  EXPECT_EQ(cpu::to_bf16(std::numeric_limits<float>::infinity()).bits, 0x7F80);
}

TEST_F(Numeric, ANanStaysInItsGroup) {
  const Shape shape = {1, 2, 2, 4};
  Tensor x = test::normal_tensor(device_, shape, 0);
  x.values<float>()[0] = kNan;  // channel 0, so group 0 of two
  Tensor mean(device_, {1, 2}), rstd(device_, {1, 2}), y(device_, shape);
  const Tensor gamma = test::normal_tensor(device_, {4}, 1);
  const Tensor beta = test::normal_tensor(device_, {4}, 2);
  kernels().group_norm(x, gamma, beta, {.num_groups = 2}, mean, rstd, y);
  for (std::size_t i = 0; i < 16; ++i) {
    EXPECT_EQ(std::isnan(y.values<float>()[i]), i % 4 < 2) << "element " << i;
  }
}

TEST_F(Numeric, AverageOfAConstantStaysTheConstant) {
  const float value = 0.7F;
  Tensor p = from({value}), m = from({0.0F}), v = from({0.0F}), ema = from({value});
  const Tensor grad = from({0.0F});
  const std::uint64_t p_version = p.version(), ema_version = ema.version();
  for (std::int64_t step = 1; step <= 1000; ++step) {
    kernels().adam({.step = step, .ema_decay = 0.9999}, grad, p, m, v, ema);
  }
  EXPECT_EQ(to_host(p)[0], value);
  EXPECT_EQ(to_host(ema)[0], value);
  EXPECT_EQ(p.version(), p_version + 1000);
  EXPECT_EQ(ema.version(), ema_version + 1000);
}

TEST_F(Numeric, UploadAndDownloadKeepEveryBit) {
  const std::vector<float> values = {0.1F, -0.0F, kInfinity, 3e-42F, 7.0F};
  Tensor x(device_, {5});
  kernels().upload(values, x);
  std::vector<float> back(5);
  kernels().download(x, back);
  EXPECT_EQ(back, values);
  EXPECT_TRUE(std::signbit(back[1]));
}

}  // namespace
}  // namespace ddim::engine
