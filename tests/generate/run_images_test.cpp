#include "model/run_images.h"

#include <ddim/error.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>
#include <numeric>

#include "backend/make_device.h"
#include "nn/initialisation.h"
#include "tensor/kernels.h"

namespace ddim::model {
namespace {

UNet make_unet() {
  UNet unet(make_device(BackendKind::cpu), {.sample_size = 8,
                                            .layers_per_block = 1,
                                            .block_out_channels = {8, 16},
                                            .attention_levels = {1},
                                            .norm_num_groups = 4});
  initialise(unet, Initialisation::pytorch, 1);
  return unet;
}

/// [count,3,8,8], all different.
std::vector<float> make_images(std::int64_t count) {
  std::vector<float> images(static_cast<std::size_t>(count) * 3 * 64);
  std::iota(images.begin(), images.end(), 0.0F);
  return images;
}

TEST(RunImages, HandsEachMicroBatchItsImagesAndPutsThemBack) {
  const UNet unet = make_unet();
  const std::vector<float> images = make_images(5);
  for (const std::int64_t batch : {1, 2, 16}) {
    for (const int num_threads : {1, 2, 4}) {
      const ImageRun run = run_images(
          unet, {.count = 5, .first_image = 30, .batch = batch, .num_threads = num_threads},
          [&](const MicroBatch& micro_batch) {
            const Tensor x = micro_batch.upload(images);
            EXPECT_EQ(x.shape(), micro_batch.shape);
            if (micro_batch.first > 0) {
              EXPECT_EQ(micro_batch.first_image, 30 + micro_batch.first);
            }
            return x;
          });
      EXPECT_EQ(run.images, images) << batch << " " << num_threads;
      EXPECT_EQ(run.shape, (Shape{5, 3, 8, 8}));
    }
  }
}

TEST(RunImages, PutsChannelsLast) {
  const UNet unet = make_unet();
  run_images(unet, {.count = 1}, [&](const MicroBatch& batch) {
    const Tensor x = batch.upload(make_images(1));
    if (batch.device.describe() != "dry run") {
      EXPECT_EQ(to_host(x)[3 * 9 + 2], 2 * 64 + 9);
    }
    return x;
  });
}

TEST(RunImages, PlansTheMemoryOfWhatTheProcessKeeps) {
  const UNet unet = make_unet();
  const std::vector<float> images = make_images(4);
  const ImageRun run =
      run_images(unet, {.count = 4, .num_threads = 2}, [&](const MicroBatch& batch) {
        std::vector<Tensor> kept;
        Tensor x = batch.upload(images);
        for (int i = 0; i < 5; ++i) {
          kept.push_back(batch.denoiser(x, 10.0));
          kept.emplace_back(batch.device, Shape{1 << 19});
        }
        return x;
      });
  EXPECT_EQ(run.num_step_allocations, 0);
}

TEST(RunImages, RefusesImagesThatDoNotFit) {
  const UNet unet = make_unet();
  std::vector<float> images = make_images(2);
  EXPECT_NO_THROW(check_images(unet, 2, images, "x_T"));
  images.back() = std::numeric_limits<float>::quiet_NaN();
  EXPECT_THROW(check_images(unet, 2, images, "x_T"), Error);
  images.pop_back();
  EXPECT_THROW(check_images(unet, 2, images, "x_T"), Error);
}

}  // namespace
}  // namespace ddim::model
