// Activation memory is planned by a dry run and taken in one piece before the first step.

#include <gtest/gtest.h>

#include "backend/make_device.h"
#include "nn/initialisation.h"
#include "tests/nn/published_configs.h"
#include "tests/support/devices.h"

namespace ddim::engine {
namespace {

constexpr std::int64_t kNumImages = 3;

void run_forward(const UNet& unet, const Device& device) {
  const std::int64_t size = unet.config().sample_size;
  Tensor x(device, {kNumImages, size, size, unet.config().in_channels});
  device.kernels().normal_noise({.seed = 5}, 0, x);
  const double t[] = {1.0, 2.0, 3.0};
  Tape tape;
  unet(tape, x, t);
}

UNetConfig wider_config() {
  UNetConfig config = small_config();
  config.sample_size = 32;
  config.block_out_channels = {16, 32};
  return config;
}

class UNetMemory : public testing::TestWithParam<DeviceKind> {};

TEST_P(UNetMemory, ForwardStaysWithinWhatTheDryRunCounted) {
  const Device dry_device = make_dry_device();
  run_forward(UNet(dry_device, wider_config()), dry_device);
  const std::size_t planned = dry_device.arena().peak_bytes();
  ASSERT_GT(planned, std::size_t{1} << 20);  // more than the arena takes by itself at a time

  const Device device = test::device(GetParam());
  UNet unet(device, wider_config());
  initialise(unet, Initialisation::pytorch, 1);
  device.arena().reserve(planned);
  const std::int64_t before = device.arena().num_system_allocations();
  for (int i = 0; i < 2; ++i) run_forward(unet, device);
  EXPECT_EQ(device.arena().num_system_allocations(), before);
  EXPECT_EQ(device.arena().peak_bytes(), planned);
  EXPECT_EQ(device.arena().bytes_in_use(), 0U);
}

INSTANTIATE_TEST_SUITE_P(Backends, UNetMemory, testing::ValuesIn(test::device_kinds()),
                         [](const auto& kind) { return test::name_of(kind.param); });

}  // namespace
}  // namespace ddim::engine
