#include "backend/cpu/packed_parameters.h"

#include <gtest/gtest.h>

#include "backend/cpu/cpu_kernels.h"
#include "backend/cpu/engine.h"
#include "backend/make_device.h"
#include "tests/backend/tensors.h"

namespace ddim::test {
namespace {

std::int64_t num_packs(const Device& device) {
  return dynamic_cast<cpu::CpuKernels&>(device.kernels()).engine().packed_parameters().num_packs();
}

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

TEST(PackedParameters, PackOnceForAllCallsAndWorkers) {
  const Device device = make_device(BackendKind::cpu, 1);
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

TEST(PackedParameters, PackAgainWhatWasModified) {
  const Device device = make_device(BackendKind::cpu, 1);
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

TEST(PackedParameters, DoNotTakeNewElementsAtAnOldAddressForTheOldOnes) {
  const Device device = make_device(BackendKind::cpu, 1);
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

TEST(PackedParameters, KeepFormatsOfOneParameterApart) {
  const Device device = make_device(BackendKind::cpu, 1);
  const dnnl::engine engine(dnnl::engine::kind::cpu, 0);
  const Tensor parameter = normal_tensor(device, {2, 3}, 0);
  using dnnl::memory;
  const memory::desc rows({2, 3}, memory::data_type::f32, memory::format_tag::ab);
  const memory::desc columns({2, 3}, memory::data_type::f32, memory::format_tag::ba);
  cpu::PackedParameters packed;
  const auto mark = [](float value) {
    return [value](memory& to) { *static_cast<float*>(to.get_data_handle()) = value; };
  };
  const auto get = [&](const memory::desc& format, float value) {
    const auto copy = packed.get(parameter, format, engine, mark(value));
    return *static_cast<const float*>(copy->get_data_handle());
  };
  EXPECT_EQ(get(rows, 1.0F), 1.0F);
  EXPECT_EQ(get(columns, 2.0F), 2.0F);
  EXPECT_EQ(get(rows, 3.0F), 1.0F);
  EXPECT_EQ(get(columns, 4.0F), 2.0F);
  EXPECT_EQ(packed.num_packs(), 2);
}

TEST(PackedParameters, MakeOptionalCopiesWhileThereIsRoom) {
  const Device device = make_device(BackendKind::cpu, 1);
  const dnnl::engine engine(dnnl::engine::kind::cpu, 0);
  using dnnl::memory;
  const memory::desc format({2, 3}, memory::data_type::f32, memory::format_tag::ab);
  const std::size_t room = 2 * format.get_size();
  cpu::PackedParameters packed;
  const auto has_copy = [&](const Tensor& parameter) {
    return packed.get_if_room(
               parameter, format, engine, [](memory&) {}, room) != nullptr;
  };
  Tensor first = normal_tensor(device, {2, 3}, 0);
  const Tensor second = normal_tensor(device, {2, 3}, 1);
  const Tensor third = normal_tensor(device, {2, 3}, 2);
  EXPECT_TRUE(has_copy(first));
  EXPECT_TRUE(has_copy(second));
  EXPECT_FALSE(has_copy(third));
  EXPECT_FALSE(has_copy(third));
  first.mark_modified();
  EXPECT_TRUE(has_copy(first));
  EXPECT_EQ(packed.num_packs(), 3);
}

}  // namespace
}  // namespace ddim::test
