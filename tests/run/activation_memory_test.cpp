#include "run/activation_memory.h"

#include <gtest/gtest.h>

#include "backend/make_device.h"
#include "tensor/tensor.h"

namespace ddim::engine::run {
namespace {

constexpr std::int64_t kMiB = std::int64_t{1} << 18;  // in floats

TEST(ActivationMemory, IsThePeakWhereBlocksFitWithoutGaps) {
  const auto stack = [](const Device& device) {
    const Tensor a(device, {2 * kMiB});
    { const Tensor b(device, {3 * kMiB}); }
    const Tensor c(device, {kMiB});
  };
  EXPECT_EQ(activation_bytes(make_dry_device(), stack), std::size_t{5} << 20);
}

TEST(ActivationMemory, CountsTheGaps) {
  const auto with_a_gap = [](const Device& device) {
    Tensor a(device, {2 * kMiB});
    const Tensor b(device, {2 * kMiB});
    a = Tensor();                        // leaves a hole that c is too large for
    const Tensor c(device, {4 * kMiB});  // 6 MiB in use, 8 MiB apart
  };
  const std::size_t planned = activation_bytes(make_dry_device(), with_a_gap);
  EXPECT_EQ(planned, std::size_t{8} << 20);

  const Device device = make_device(DeviceKind::reference);
  device.arena().reserve(planned);
  for (int i = 0; i < 3; ++i) with_a_gap(device);
  EXPECT_EQ(device.arena().num_system_allocations(), 1);
}

TEST(ActivationMemory, NothingNeedsNothing) {
  EXPECT_EQ(activation_bytes(make_dry_device(), [](const Device&) {}), 0U);
}

}  // namespace
}  // namespace ddim::engine::run
