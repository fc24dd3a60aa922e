// What the cpu backend derives from weights: packed once, again after a change, and freed.
#include <gtest/gtest.h>

#include "backend/make_device.h"
#include "tensor/derived_parameters.h"
#include "tests/backend/tensors.h"

namespace ddim::test {
namespace {

std::int64_t num_packs(const Device& device) { return device.derived_parameters().num_fills(); }

const Shape kImages{2, 4, 4, 64};
const Shape kWeight{32, 64, 3, 3};

Tensor convolve(const Device& device, const Tensor& weight) {
  Tensor y = Tensor::persistent(device, {2, 4, 4, 32});
  device.kernels().conv2d(normal_tensor(device, kImages, 0), weight, {}, {}, y);
  return y;
}

Tensor multiply(const Device& device, const Tensor& weight) {
  Tensor y = Tensor::persistent(device, {2, 48});
  device.kernels().linear(normal_tensor(device, {2, 64}, 0), weight, {}, y);
  return y;
}

TEST(PackedWeights, PackOnceForAllCallsAndWorkers) {
  const Device device = make_device(DeviceKind::cpu, 1);
  Tensor conv_weight = normal_tensor(device, kWeight, 1);
  const Tensor linear_weight = normal_tensor(device, {48, 64}, 1);
  const Tensor y = convolve(device, conv_weight);
  multiply(device, linear_weight);
  EXPECT_EQ(num_packs(device), 2);
  const Device worker = device.worker(2);
  for (const Device& any : {device, worker, worker.worker(1)}) {
    EXPECT_TRUE(same(convolve(any, conv_weight), y));
    multiply(any, linear_weight);
    EXPECT_EQ(num_packs(any), 2);
  }
  conv_weight.mark_modified();
  convolve(worker, conv_weight);
  EXPECT_EQ(num_packs(device), 3);
}

TEST(PackedWeights, PackAgainWhatWasModified) {
  const Device device = make_device(DeviceKind::cpu, 1);
  Tensor changed = normal_tensor(device, kWeight, 1);
  const Tensor other = normal_tensor(device, kWeight, 2);
  Tensor changed_matrix = normal_tensor(device, {48, 64}, 1);
  const Tensor other_matrix = normal_tensor(device, {48, 64}, 2);
  const Tensor before = convolve(device, changed);
  const Tensor matrix_before = multiply(device, changed_matrix);
  const Tensor expected = convolve(device, other);
  const Tensor matrix_expected = multiply(device, other_matrix);
  EXPECT_EQ(num_packs(device), 4);

  std::ranges::copy(other.values<float>(), changed.values<float>().begin());
  std::ranges::copy(other_matrix.values<float>(), changed_matrix.values<float>().begin());
  EXPECT_TRUE(same(convolve(device, changed), before)) << "packed again without a reason";
  EXPECT_TRUE(same(multiply(device, changed_matrix), matrix_before));
  changed.mark_modified();
  changed_matrix.mark_modified();
  EXPECT_TRUE(same(convolve(device, changed), expected));
  EXPECT_TRUE(same(multiply(device, changed_matrix), matrix_expected));
  EXPECT_EQ(num_packs(device), 6);
}

TEST(PackedWeights, DoNotTakeNewElementsAtAnOldAddressForTheOldOnes) {
  const Device device = make_device(DeviceKind::cpu, 1);
  const Tensor other = normal_tensor(device, kWeight, 2);
  const Tensor expected = convolve(device, other);
  Tensor weight = normal_tensor(device, kWeight, 1);
  const float* const address = weight.data<float>();
  convolve(device, weight);
  weight = Tensor();
  weight = normal_tensor(device, kWeight, 2);
  ASSERT_EQ(weight.data<float>(), address)
      << "the arena no longer reuses memory: test it otherwise";
  EXPECT_TRUE(same(convolve(device, weight), expected));
}

TEST(PackedWeights, KeepTheTwoPassesOfASquareWeightApart) {
  for (const Precision precision : {Precision::fp32, Precision::bf16}) {
    const Device device = make_device(DeviceKind::cpu, {.precision = precision});
    const Tensor weight = normal_tensor(device, {64, 64, 3, 3}, 1);
    const Tensor dy = normal_tensor(device, {1, 16, 16, 64}, 0);
    const auto backward = [&] {
      Tensor dx = Tensor::persistent(device, dy.shape());
      device.kernels().conv2d_backward_input(dy, weight, {}, Grad{dx});
      return dx;
    };
    const Tensor expected = backward();
    Tensor y = Tensor::persistent(device, dy.shape());
    device.kernels().conv2d(dy, weight, {}, {}, y);
    EXPECT_FALSE(same(y, expected));
    EXPECT_TRUE(same(backward(), expected));
    EXPECT_EQ(num_packs(device), 2);
  }
}

TEST(PackedWeights, AreFreedWithTheWeight) {
  const Device device = make_device(DeviceKind::cpu, 1);
  {
    const Tensor conv_weight = normal_tensor(device, kWeight, 1);
    const Tensor linear_weight = normal_tensor(device, {48, 64}, 1);
    convolve(device.worker(1), conv_weight);
    multiply(device, linear_weight);
    EXPECT_EQ(device.derived_parameters().num_values(), 2);
  }
  EXPECT_EQ(device.derived_parameters().num_values(), 0);
}

TEST(PackedWeights, WinogradsAreNotKeptWhereMemoryIsShort) {
  const Device device =
      make_device(DeviceKind::cpu, {.num_threads = 1, .memory_use = MemoryUse::low});
  convolve(device, normal_tensor(device, kWeight, 1));
  EXPECT_EQ(num_packs(device), 0);
}

}  // namespace
}  // namespace ddim::test
