// make_device and the dry run.
#include <gtest/gtest.h>

#include "backend/make_device.h"
#include "base/error.h"
#include "ops/conv2d.h"
#include "ops/group_norm.h"
#include "ops/upsample.h"
#include "tensor/kernels.h"
#include "tests/support/expect_error.h"

namespace ddim::engine {
namespace {

TEST(Devices, RefSaysWhatItIs) { EXPECT_EQ(make_device(DeviceKind::reference).describe(), "ref"); }

TEST(Devices, RefuseAPrecisionThatTheyDoNotHave) {
  test::expect_error(ErrorCode::user, "bf16x3 is for tensor cores (device cuda)",
                     [] { make_device(DeviceKind::cpu, {.precision = Precision::bf16x3}); });
  test::expect_error(ErrorCode::user, "the reference has fp32 alone",
                     [] { make_device(DeviceKind::reference, {.precision = Precision::bf16}); });
}

TEST(Devices, AThreadCountBelowOneIsRefused) {
  EXPECT_THROW(make_device(DeviceKind::reference, 0), Error);
}

/// A few ops that leave activations behind, and the peak of the arena.
std::size_t peak_bytes(const Device& device) {
  const Tensor weight = Tensor::persistent(device, {16, 8, 3, 3});
  const Tensor affine = Tensor::persistent(device, {16});
  const Tensor shift = Tensor::persistent(device, {16});
  for (Tensor parameter : {weight, affine, shift}) device.kernels().fill(0.1, parameter);
  Tape tape;
  Tensor x(device, {3, 9, 9, 8});
  device.kernels().fill(1.0, x);
  Var h = conv2d(tape, tape.constant(x), tape.constant(weight), {}, {});
  h = group_norm(tape, h, tape.constant(affine), tape.constant(shift), {.num_groups = 4});
  h = upsample_nearest_2x(tape, h);
  return device.arena().peak_bytes();
}

TEST(Devices, ADryRunNeedsTheMemoryOfARealOne) {
  const std::size_t dry = peak_bytes(make_dry_device());
  EXPECT_GT(dry, 3U * 18 * 18 * 16 * 4);
  EXPECT_EQ(dry, peak_bytes(make_device(DeviceKind::reference)));
}

TEST(Devices, ADryRunTouchesNoMemory) {
  // A terabyte: whoever wrote a byte of it would crash.
  const Device dry = make_dry_device();
  Tensor x(dry, {1024, 1024, 1024, 256});
  Kernels& k = dry.kernels();
  k.fill(1.0, x);
  std::vector<double> sums(2, 5.0);
  k.squared_error(x, x, sums);
  EXPECT_EQ(sums, std::vector<double>(2, 0.0));
  EXPECT_EQ(k.sum_of_squares(x), 0.0);
  EXPECT_TRUE(k.all_finite(x));
  EXPECT_EQ(dry.arena().bytes_in_use(), std::size_t{1} << 40);
}

}  // namespace
}  // namespace ddim::engine
