#include "run/run_images.h"

#include <ddim/error.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>
#include <numeric>

#include "backend/make_device.h"
#include "nn/initialisation.h"
#include "tensor/kernels.h"
#include "tests/support/devices.h"

namespace ddim::engine::run {
namespace {

class RunImages : public testing::Test {
 protected:
  RunImages()
      : unet_(make_device(DeviceKind::cpu), {.sample_size = 8,
                                             .layers_per_block = 1,
                                             .block_out_channels = {8, 16},
                                             .attention_levels = {1},
                                             .norm_num_groups = 4}) {
    initialise(unet_, Initialisation::pytorch, 1);
    network = make_network(unet_);
  }

  /// [count,8,8,3], all different.
  static FloatImages make_images(std::int64_t count) {
    FloatImages images{.count = count, .shape = {.channels = 3, .height = 8, .width = 8}};
    images.values.resize(static_cast<std::size_t>(count) * 3 * 64);
    std::iota(images.values.begin(), images.values.end(), 0.0F);
    return images;
  }

  std::unique_ptr<const Network> network;
  const ClassChoice no_class;

 private:
  UNet unet_;
};

TEST_F(RunImages, HandsEachMicroBatchItsImagesAndPutsThemBack) {
  const FloatImages images = make_images(5);
  for (const std::int64_t batch : {1, 2, 16}) {
    for (const int num_threads : {1, 2, 4}) {
      const RunOptions options{.batch = batch, .threads = num_threads};
      const ImageRun run = run_images(
          *network, {.count = 5, .first_image = 30, .class_choice = no_class, .run = options},
          [&](const MicroBatch& micro_batch) {
            const Tensor x = micro_batch.upload(images.values);
            EXPECT_EQ(x.shape(), micro_batch.shape);
            if (micro_batch.first > 0) {
              EXPECT_EQ(micro_batch.first_image, 30 + micro_batch.first);
            }
            return x;
          });
      EXPECT_EQ(run.images.values, images.values) << batch << " " << num_threads;
      EXPECT_EQ(run.images.count, 5);
      EXPECT_EQ(run.images.shape, images.shape);
    }
  }
}

TEST_F(RunImages, TakesFewerImagesAtATimeWhereAGpuHasNoMemoryForAll) {
  if (!test::has_device(DeviceKind::cuda)) GTEST_SKIP() << "no emulation in this build";
  const FloatImages images = make_images(5);
  const auto sizes_with = [&](std::size_t free_bytes) {
    const Device gpu = test::emulated_gpu_with(free_bytes);
    const UNet unet(gpu, {.sample_size = 8, .layers_per_block = 1, .block_out_channels = {32, 32}});
    std::vector<std::int64_t> sizes;
    const ImageRun run =
        run_images(*make_network(unet),
                   {.count = 5, .class_choice = no_class, .run = {.batch = 16, .threads = 1}},
                   [&](const MicroBatch& batch) {
                     const Tensor x = batch.upload(images.values);
                     const Tensor of_a_mebibyte_each(batch.device, {batch.shape[0], 1 << 18});
                     if (!batch.is_rehearsal) sizes.push_back(batch.shape[0]);
                     return x;
                   });
    EXPECT_EQ(run.images.values, images.values);
    EXPECT_EQ(run.num_step_allocations, 0);
    return sizes;
  };
  EXPECT_THAT(sizes_with(std::size_t{8} << 20), testing::ElementsAre(5));
  EXPECT_THAT(sizes_with(std::size_t{5} << 20), testing::ElementsAre(1, 2, 2));
  EXPECT_THAT(sizes_with(1000), testing::ElementsAre(1, 1, 1, 1, 1)) << "it is tried";
}

TEST_F(RunImages, KeepsChannelsLast) {
  const RunOptions options{.threads = 1};
  run_images(*network, {.count = 1, .class_choice = no_class, .run = options},
             [&](const MicroBatch& batch) {
               const Tensor x = batch.upload(make_images(1).values);
               EXPECT_EQ(x.shape(), (Shape{1, 8, 8, 3}));
               EXPECT_EQ(batch.is_rehearsal, batch.device.describe() == "dry run");
               if (!batch.is_rehearsal) {
                 EXPECT_EQ(to_host(x)[3 * 9 + 2], 3 * 9 + 2);
               }
               return x;
             });
}

TEST_F(RunImages, PlansTheMemoryOfWhatTheProcessKeeps) {
  const FloatImages images = make_images(4);
  const RunOptions options{.threads = 2};
  const ImageRun run = run_images(*network, {.count = 4, .class_choice = no_class, .run = options},
                                  [&](const MicroBatch& batch) {
                                    std::vector<Tensor> kept;
                                    Tensor x = batch.upload(images.values);
                                    for (int i = 0; i < 5; ++i) {
                                      kept.push_back(batch.denoiser(x, 10.0));
                                      kept.emplace_back(batch.device, Shape{1 << 19});
                                    }
                                    return x;
                                  });
  EXPECT_EQ(run.num_step_allocations, 0);
}

TEST_F(RunImages, ProgressIsCompleteThoughPicturesNeedFewerStepsThanWasSaid) {
  std::vector<std::int64_t> seen;
  RunOptions options{.batch = 1, .threads = 1};
  options.progress = [&](const RunProgress& progress) {
    EXPECT_EQ(progress.evaluations, 3 * 10);
    seen.push_back(progress.evaluations_done);
  };
  const FloatImages images = make_images(3);
  const ImageRun run = run_images(
      *network, {.count = 3, .class_choice = no_class, .steps_per_image = 10, .run = options},
      [&](const MicroBatch& batch) {
        for (int i = 0; i < 2; ++i) batch.step_done();
        return batch.upload(images.values);
      });
  EXPECT_EQ(run.steps_done, 6);
  EXPECT_THAT(seen, testing::ElementsAre(1, 2, 10, 11, 12, 20, 21, 22, 30));
}

TEST_F(RunImages, RefusesImagesThatDoNotFit) {
  FloatImages images = make_images(2);
  EXPECT_NO_THROW(check_images(*network, 2, images, "x_T"));
  images.values.back() = std::numeric_limits<float>::quiet_NaN();
  EXPECT_THROW(check_images(*network, 2, images, "x_T"), Error);
  images.values.back() = 0.0F;
  EXPECT_THROW(check_images(*network, 3, images, "x_T"), Error);
  std::swap(images.shape.channels, images.shape.width);
  EXPECT_THROW(check_images(*network, 2, images, "x_T"), Error);
  std::swap(images.shape.channels, images.shape.width);
  images.values.pop_back();
  EXPECT_THROW(check_images(*network, 2, images, "x_T"), Error);
}

}  // namespace
}  // namespace ddim::engine::run
