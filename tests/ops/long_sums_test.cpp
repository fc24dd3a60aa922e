// Products with as many terms as those of real networks, all of one sign: what each addition cuts
// off, always in one direction, would add up.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <string>
#include <vector>

#include "base/philox.h"
#include "tensor/kernels.h"
#include "tests/support/devices.h"

namespace ddim::test {
namespace {

using engine::Device;
using engine::Shape;
using engine::Tensor;

constexpr std::int64_t kTerms = 4608;  // of a window of 3x3 over 512 channels

std::vector<float> positive(std::int64_t count, std::uint32_t lane) {
  std::vector<float> values(static_cast<std::size_t>(count));
  engine::fill_uniform({.seed = 9, .purpose = engine::Purpose::evaluation, .lane = lane}, 0,
                       values);
  return values;
}

class LongSums : public testing::TestWithParam<Precision> {
 protected:
  void SetUp() override {
    if (!has_device(DeviceKind::cuda)) GTEST_SKIP() << "no emulation in this build";
    device = test::device(DeviceKind::cuda, {.precision = GetParam()});
  }
  Tensor tensor(const Shape& shape, const std::vector<float>& values) const {
    return engine::from_host(device, shape, values);
  }
  /// How far the largest of `found` is from `expected(i)`, of it.
  static double error(const std::vector<float>& found,
                      const std::function<double(std::size_t)>& expected) {
    double largest = 0.0;
    for (std::size_t i = 0; i < found.size(); ++i)
      largest = std::max(largest, std::abs(static_cast<double>(found[i]) / expected(i) - 1.0));
    return largest;
  }

  Device device;
  static constexpr double kOfFp32 = 3e-6;
};

TEST_P(LongSums, OfALinearLayer) {
  const auto x = positive(3 * kTerms, 0), weight = positive(5 * kTerms, 1);
  Tensor y(device, {3, 5});
  device.kernels().linear(tensor({3, kTerms}, x), tensor({5, kTerms}, weight), {}, y);
  EXPECT_LT(error(to_host(y),
                  [&](std::size_t i) {
                    double sum = 0.0;
                    for (std::size_t k = 0; k < kTerms; ++k)
                      sum +=
                          static_cast<double>(x[i / 5 * kTerms + k]) * weight[i % 5 * kTerms + k];
                    return sum;
                  }),
            kOfFp32);
}

TEST_P(LongSums, OfAConvolution) {
  constexpr std::int64_t C = kTerms / 9;
  const auto x = positive(9 * C, 0), weight = positive(2 * C * 9, 1);
  Tensor y(device, {1, 1, 1, 2});
  device.kernels().conv2d(tensor({1, 3, 3, C}, x), tensor({2, C, 3, 3}, weight), {},
                          {.kernel = 3, .pad_begin = 0, .pad_end = 0}, y);
  EXPECT_LT(error(to_host(y),
                  [&](std::size_t o) {
                    double sum = 0.0;
                    for (std::size_t c = 0; c < C; ++c)
                      for (std::size_t tap = 0; tap < 9; ++tap)
                        sum += static_cast<double>(x[tap * C + c]) * weight[(o * C + c) * 9 + tap];
                    return sum;
                  }),
            kOfFp32);
}

TEST_P(LongSums, OfAWeightGradient) {
  const auto x = positive(kTerms, 0), dy = positive(kTerms, 1);
  Tensor dweight(device, {1, 1, 1, 1});
  device.kernels().conv2d_backward_weight(tensor({2, 48, 48, 1}, x), tensor({2, 48, 48, 1}, dy),
                                          {.kernel = 1, .pad_begin = 0, .pad_end = 0}, {dweight},
                                          {});
  EXPECT_LT(error(to_host(dweight),
                  [&](std::size_t) {
                    double sum = 0.0;
                    for (std::size_t k = 0; k < kTerms; ++k)
                      sum += static_cast<double>(x[k]) * dy[k];
                    return sum;
                  }),
            kOfFp32);
}

INSTANTIATE_TEST_SUITE_P(Cuda, LongSums, testing::Values(Precision::fp32, Precision::bf16x3),
                         [](const auto& one) { return std::string(to_string(one.param)); });

}  // namespace
}  // namespace ddim::test
