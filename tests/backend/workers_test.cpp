// Workers of a crew, sharing parameters: their packed copies are made while others ask for them.
#include <gtest/gtest.h>

#include "backend/make_device.h"
#include "tensor/crew.h"
#include "tensor/derived_parameters.h"
#include "tests/backend/tensors.h"

namespace ddim::test {
namespace {

struct Network {
  explicit Network(const Device& device)
      : conv(normal_tensor(device, {32, 16, 3, 3}, 1)),
        down(normal_tensor(device, {32, 32, 3, 3}, 2)),
        linear(normal_tensor(device, {96, 32}, 3)) {}

  /// x [N,8,8,16] -> [N*16,96], by way of each kind of op that keeps something between calls.
  Tensor operator()(const Device& device, const Tensor& x) const {
    Kernels& kernels = device.kernels();
    const std::int64_t N = x.dim(0);
    Tensor h(device, {N, 8, 8, 32});
    kernels.conv2d(x, conv, {}, {}, h);
    Tensor small(device, {N, 4, 4, 32});
    kernels.conv2d(h, down, {}, {.kernel = 3, .stride = 2, .pad_begin = 0, .pad_end = 1}, small);
    const Tensor tokens = small.view({N, 16, 32});
    Tensor mixed(device, tokens.shape());
    Tensor log_sum_exp(device, {N, 2, 16});
    kernels.attention(tokens, tokens, tokens, 2, 0.01, log_sum_exp, mixed);
    Tensor y(device, {N * 16, 96});
    kernels.linear(mixed.view({N * 16, 32}), linear, {}, y);
    return y;
  }

  Tensor conv, down, linear;
};

TEST(Workers, ComputeWhatOneDeviceComputes) {
  constexpr int kWorkers = 4, kThreads = 6;
  constexpr std::int64_t kNumImages = 12;
  const Device device = make_device(DeviceKind::cpu, 1);
  const Tensor x = normal_tensor(device, {kNumImages, 8, 8, 16}, 0);
  const Tensor expected = Network(device)(device, x);

  for (int repeat = 0; repeat < 5; ++repeat) {
    const Network network(device);  // nothing of it is packed
    const DerivedParameters& packed = device.derived_parameters();
    const std::int64_t packs_before = packed.num_fills();
    Crew crew(device, kWorkers, kThreads);
    std::vector<int> right(kNumImages, 0);
    crew.run(kNumImages, [&](const Device& worker, std::int64_t image) {
      const Tensor y = network(worker, x.slice(image, 1));
      right[static_cast<std::size_t>(image)] = same(y, expected.slice(image * 16, 16)) ? 1 : 0;
    });
    EXPECT_EQ(right, std::vector<int>(kNumImages, 1));
    EXPECT_EQ(packed.num_fills() - packs_before, 3);
  }
}

}  // namespace
}  // namespace ddim::test
