#include "tensor/tensor.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "backend/make_device.h"
#include "base/error.h"

namespace ddim::engine {
namespace {

using testing::ElementsAre;

class Tensors : public testing::Test {
 protected:
  Device device = make_device(DeviceKind::reference);
};

TEST_F(Tensors, AHandleSharesAndTheLastOneReturnsTheMemory) {
  EXPECT_FALSE(Tensor().defined());
  {
    Tensor a(device, {2, 8});
    const std::size_t bytes = device.arena().bytes_in_use();
    EXPECT_EQ(bytes, 64U);
    Tensor b = a;
    b.values<float>()[3] = 7.0F;
    EXPECT_EQ(a.values<float>()[3], 7.0F);
    a = Tensor();
    EXPECT_FALSE(a.defined());
    EXPECT_EQ(device.arena().bytes_in_use(), bytes);
    const Tensor c = std::move(b);
    EXPECT_EQ(c.values<float>()[3], 7.0F);
  }
  EXPECT_EQ(device.arena().bytes_in_use(), 0U);
}

TEST_F(Tensors, ViewsAndSlicesShareElements) {
  const Tensor x = from_host(device, {3, 2}, std::vector<float>{1, 2, 3, 4, 5, 6});
  const Tensor rows = x.slice(1, 2);
  EXPECT_EQ(rows.shape(), (Shape{2, 2}));
  EXPECT_THAT(to_host(rows), ElementsAre(3, 4, 5, 6));
  EXPECT_THAT(to_host(rows.slice(1, 1)), ElementsAre(5, 6));
  EXPECT_EQ(rows.storage_id(), x.storage_id());
  EXPECT_THAT(to_host(x.view({6})), ElementsAre(1, 2, 3, 4, 5, 6));
  EXPECT_EQ(x.slice(3, 0).size(), 0);
  EXPECT_THROW(x.view({5}), Error);
  EXPECT_THROW(x.slice(2, 2), Error);
  EXPECT_THROW(x.slice(-1, 1), Error);
}

TEST_F(Tensors, ASliceKeepsTheWholeStorageAlive) {
  Tensor row;
  {
    Tensor x(device, {4, 16});
    x.values<float>()[48] = 5.0F;
    row = x.slice(3, 1);
  }
  EXPECT_EQ(device.arena().bytes_in_use(), 256U);
  EXPECT_EQ(row.values<float>()[0], 5.0F);
}

TEST_F(Tensors, PersistentMemoryIsApartFromActivationsAndSharedWithWorkers) {
  const Tensor parameter = Tensor::persistent(device, {16});
  EXPECT_EQ(device.arena().bytes_in_use(), 0U);
  const Device worker = device.worker(1);
  EXPECT_EQ(&worker.persistent_memory(), &device.persistent_memory());
  EXPECT_NE(&worker.arena(), &device.arena());
  const Tensor activation(worker, {16});
  EXPECT_EQ(device.arena().bytes_in_use(), 0U);
  EXPECT_EQ(worker.arena().bytes_in_use(), 64U);
}

TEST_F(Tensors, ATensorKeepsItsDeviceAlive) {
  Tensor x;
  {
    const Device other = make_device(DeviceKind::reference);
    x = from_host(other.worker(1), {2}, std::vector<float>{1, 2});
  }
  EXPECT_THAT(to_host(x), ElementsAre(1, 2));
}

TEST_F(Tensors, ModificationRaisesTheVersionThatAllHandlesSee) {
  Tensor x(device, {2});
  const Tensor view = x.view({1, 2});
  const std::uint64_t version = view.version();
  x.mark_modified();
  EXPECT_EQ(view.version(), version + 1);
}

TEST_F(Tensors, DoubleElementsRoundTripAsFloats) {
  const Tensor x = from_host(device, {2}, std::vector<float>{1.5F, -2.25F}, DType::f64);
  EXPECT_EQ(x.num_bytes(), 16U);
  EXPECT_EQ(x.values<double>()[1], -2.25);
  EXPECT_THAT(to_host(x), ElementsAre(1.5F, -2.25F));
  EXPECT_EQ(empty_like(x).dtype(), DType::f64);
  EXPECT_THROW(from_host(device, {3}, std::vector<float>{1, 2}), Error);
}

}  // namespace
}  // namespace ddim::engine
