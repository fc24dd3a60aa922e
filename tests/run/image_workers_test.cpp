#include "run/image_workers.h"

#include <ddim/error.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <mutex>

#include "backend/make_device.h"
#include "tensor/tensor.h"
#include "tests/support/devices.h"

namespace ddim::engine::run {
namespace {

struct Part {
  std::int64_t first, num_images;
  friend auto operator<=>(const Part&, const Part&) = default;
};

std::vector<Part> cuts_of(const ImageWorkersOptions& options,
                          const Device& device = make_dry_device()) {
  ImageWorkers workers(device, options);
  std::mutex mutex;
  std::vector<Part> cuts;
  workers.run([&](const Device&, std::int64_t first, std::int64_t num_images) {
    const std::lock_guard lock(mutex);
    cuts.push_back({first, num_images});
    EXPECT_LE(num_images, workers.largest_micro_batch());
  });
  std::ranges::sort(cuts);
  return cuts;
}

TEST(ImageWorkers, EveryImageIsInOneMicroBatch) {
  for (const std::int64_t num_images : {1, 2, 5, 16, 33}) {
    for (const std::int64_t batch : {1, 3, 16, 64}) {
      for (const int num_threads : {1, 2, 3, 4}) {
        const auto cuts =
            cuts_of({.num_images = num_images, .batch = batch, .num_threads = num_threads});
        std::int64_t next = 0;
        for (const Part& cut : cuts) {
          ASSERT_EQ(cut.first, next);
          ASSERT_GE(cut.num_images, 1);
          ASSERT_LE(cut.num_images, std::min(batch, ImageDivision{}.largest_micro_batch));
          ASSERT_LE(cut.num_images * std::min<std::int64_t>(num_threads, batch), batch);
          next += cut.num_images;
        }
        ASSERT_EQ(next, num_images);
      }
    }
  }
}

TEST(ImageWorkers, DividesImagesAsTheDeviceWantsThem) {
  if (!test::has_device(DeviceKind::cuda)) GTEST_SKIP() << "no emulation in this build";
  const Device device = test::device(DeviceKind::cuda);
  EXPECT_EQ(cuts_of({.num_images = 130, .batch = 128, .num_threads = 4}, device),
            (std::vector<Part>{{0, 43}, {43, 43}, {86, 44}}));
}

TEST(ImageWorkers, SharesTheWorkEvenly) {
  EXPECT_EQ(cuts_of({.num_images = 12, .batch = 16, .num_threads = 2}),
            (std::vector<Part>{{0, 6}, {6, 6}}));
  EXPECT_EQ(cuts_of({.num_images = 20, .batch = 16, .num_threads = 2}),
            (std::vector<Part>{{0, 5}, {5, 5}, {10, 5}, {15, 5}}));
  EXPECT_EQ(cuts_of({.num_images = 3, .batch = 16, .num_threads = 4}),
            (std::vector<Part>{{0, 1}, {1, 1}, {2, 1}}));
}

TEST(ImageWorkers, CountsAllocationsSinceReserve) {
  ImageWorkers workers(make_dry_device(), {.num_images = 4, .batch = 4, .num_threads = 2});
  workers.reserve(std::size_t{4} << 20);
  const auto use = [&](std::int64_t num_floats) {
    workers.run([=](const Device& device, std::int64_t, std::int64_t) {
      const Tensor x(device, {num_floats});
    });
  };
  use(1 << 20);
  EXPECT_EQ(workers.num_allocations_since_reserve(), 0);
  use((1 << 20) + 1);
  EXPECT_GE(workers.num_allocations_since_reserve(), 1);
}

TEST(ImageWorkers, RefusesNumbersBelowOne) {
  const Device device = make_dry_device();
  EXPECT_THROW(ImageWorkers(device, {.num_images = 0}), Error);
  EXPECT_THROW(ImageWorkers(device, {.batch = 0}), Error);
  EXPECT_THROW(ImageWorkers(device, {.num_threads = 0}), Error);
}

}  // namespace
}  // namespace ddim::engine::run
