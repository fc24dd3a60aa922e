// The determinism contract on the shapes of the CIFAR-10 U-Net. oneDNN breaks it on some of them
// when it is given the batch or the threads: 256->128 @32 on three threads, 384->128 @32 with three
// images on four, 512->256 @4 in other pieces.
#include <gtest/gtest.h>
#include <omp.h>

#include "backend/make_device.h"
#include "tests/backend/tensors.h"

namespace ddim::test {
namespace {

constexpr ConvGeometry kSame{};
constexpr ConvGeometry kDown{.kernel = 3, .stride = 2, .pad_begin = 0, .pad_end = 1};
constexpr ConvGeometry kPointwise{.kernel = 1, .stride = 1, .pad_begin = 0, .pad_end = 0};

/// A device whose ops use `num_threads` threads, made by a program whose own setting for OpenMP,
/// and so for oneDNN, is another number: that must not matter.
Device make_cpu_device(int num_threads) {
  omp_set_num_threads(5 - num_threads);
  return make_device(DeviceKind::cpu, num_threads);
}

struct ConvCase {
  std::int64_t c_in, c_out, size;
  ConvGeometry geometry;
};

class ConvDeterminism : public testing::TestWithParam<ConvCase> {};

TEST_P(ConvDeterminism, AnImageHasTheSameBitsInAnyBatchOnAnyNumberOfThreads) {
  const auto& [c_in, c_out, size, geometry] = GetParam();
  const std::int64_t out_size = geometry.output_rows(size);
  constexpr std::int64_t kImages = 3;
  const auto run = [&](int num_threads, std::int64_t first, std::int64_t count) {
    const Device device = make_cpu_device(num_threads);
    const Tensor x = normal_tensor(device, {kImages, size, size, c_in}, 0);
    const Tensor weight = normal_tensor(device, {c_out, c_in, geometry.kernel, geometry.kernel}, 1);
    const Tensor bias = normal_tensor(device, {kImages, c_out}, 2);
    const Tensor residual = normal_tensor(device, {kImages, out_size, out_size, c_out}, 3);
    Tensor y = Tensor::persistent(device, {count, out_size, out_size, c_out});
    device.kernels().conv2d(x.slice(first, count), weight,
                            {.bias = {},
                             .per_image_bias = bias.slice(first, count),
                             .residual = residual.slice(first, count)},
                            geometry, y);
    return y;
  };
  const Tensor together = run(1, 0, kImages);
  EXPECT_TRUE(same(run(3, 0, 1), together.slice(0, 1)));
  EXPECT_TRUE(same(run(1, 1, 1), together.slice(1, 1)));
  EXPECT_TRUE(same(run(2, 1, 2), together.slice(1, 2)));
  EXPECT_TRUE(same(run(4, 0, kImages), together));
}

TEST_P(ConvDeterminism, KeepingLessInMemoryChangesNoBit) {
  const auto& [c_in, c_out, size, geometry] = GetParam();
  const std::int64_t out_size = geometry.output_rows(size);
  const auto run = [&](std::int64_t num_images, MemoryUse memory_use, Precision precision) {
    const Device device = make_device(
        DeviceKind::cpu, {.num_threads = 2, .precision = precision, .memory_use = memory_use});
    Tensor y = Tensor::persistent(device, {num_images, out_size, out_size, c_out});
    device.kernels().conv2d(
        normal_tensor(device, {num_images, size, size, c_in}, 0),
        normal_tensor(device, {c_out, c_in, geometry.kernel, geometry.kernel}, 1), {}, geometry, y);
    return y;
  };
  for (const std::int64_t num_images : {1, 3}) {
    for (const Precision precision : {Precision::fp32, Precision::bf16}) {
      EXPECT_TRUE(same(run(num_images, MemoryUse::low, precision),
                       run(num_images, MemoryUse::normal, precision)))
          << num_images << " images, precision " << static_cast<int>(precision);
    }
  }
}

TEST_P(ConvDeterminism, GradientsHaveTheSameBitsOnAnyNumberOfThreads) {
  const auto& [c_in, c_out, size, geometry] = GetParam();
  const std::int64_t out_size = geometry.output_rows(size);
  struct Gradients {
    Tensor dx, dweight, dbias;
  };
  const auto run = [&](int num_threads) {
    const Device device = make_cpu_device(num_threads);
    const Tensor x = normal_tensor(device, {2, size, size, c_in}, 0);
    const Tensor weight = normal_tensor(device, {c_out, c_in, geometry.kernel, geometry.kernel}, 1);
    const Tensor dy = normal_tensor(device, {2, out_size, out_size, c_out}, 2);
    const Gradients grads{.dx = Tensor::persistent(device, x.shape()),
                          .dweight = Tensor::persistent(device, weight.shape()),
                          .dbias = Tensor::persistent(device, {c_out})};
    device.kernels().conv2d_backward_input(dy, weight, geometry, Grad{.tensor = grads.dx});
    device.kernels().conv2d_backward_weight(x, dy, geometry, {.tensor = grads.dweight},
                                            {.tensor = grads.dbias});
    return grads;
  };
  const Gradients one = run(1);
  for (const int num_threads : {2, 3, 4}) {
    const Gradients more = run(num_threads);
    EXPECT_TRUE(same(more.dx, one.dx)) << num_threads << " threads";
    EXPECT_TRUE(same(more.dweight, one.dweight)) << num_threads << " threads";
    EXPECT_TRUE(same(more.dbias, one.dbias)) << num_threads << " threads";
  }
}

INSTANTIATE_TEST_SUITE_P(Network, ConvDeterminism,
                         testing::Values(ConvCase{3, 128, 32, kSame}, ConvCase{128, 3, 32, kSame},
                                         ConvCase{256, 128, 32, kSame},
                                         ConvCase{384, 128, 32, kSame},
                                         ConvCase{512, 256, 8, kSame}, ConvCase{256, 256, 4, kSame},
                                         ConvCase{512, 256, 4, kSame},
                                         ConvCase{256, 256, 16, kDown},
                                         ConvCase{384, 128, 32, kPointwise}));

TEST(ConvDeterminism, LeavesTheCallersThreadsAsTheyWere) {
  const Device device = make_cpu_device(1);
  const int before = omp_get_max_threads();
  const Tensor weight = normal_tensor(device, {16, 16, 3, 3}, 1);
  Tensor y = Tensor::persistent(device, {1, 2, 2, 16});
  device.kernels().conv2d(normal_tensor(device, {1, 4, 4, 16}, 0), weight, {}, kDown, y);
  EXPECT_EQ(omp_get_max_threads(), before);
}

TEST(LinearDeterminism, ARowHasTheSameBitsAmongAnyRowsOnAnyNumberOfThreads) {
  constexpr std::int64_t kRows = 31;
  const auto run = [&](int num_threads, std::int64_t first, std::int64_t count) {
    const Device device = make_cpu_device(num_threads);
    const Tensor x = normal_tensor(device, {kRows, 512}, 0);
    Tensor y = Tensor::persistent(device, {count, 250});
    device.kernels().linear(x.slice(first, count), normal_tensor(device, {250, 512}, 1),
                            normal_tensor(device, {250}, 2), y);
    return y;
  };
  const Tensor together = run(1, 0, kRows);
  for (std::int64_t row = 0; row < kRows; ++row) {
    EXPECT_TRUE(same(run(1, row, 1), together.slice(row, 1))) << "row " << row;
  }
  EXPECT_TRUE(same(run(4, 0, kRows), together));
  EXPECT_TRUE(same(run(3, 7, 13), together.slice(7, 13)));
}

TEST(AttentionDeterminism, AnImageHasTheSameBitsInAnyBatchOnAnyNumberOfThreads) {
  const auto run = [&](int num_threads, std::int64_t first, std::int64_t count) {
    const Device device = make_cpu_device(num_threads);
    const Shape shape{3, 256, 256};
    const Shape some = shape.with(0, count);
    Tensor y = Tensor::persistent(device, some);
    Tensor log_sum_exp = Tensor::persistent(device, {count, 1, 256});
    device.kernels().attention(normal_tensor(device, shape, 0).slice(first, count),
                               normal_tensor(device, shape, 1).slice(first, count),
                               normal_tensor(device, shape, 2).slice(first, count), 1, 1.0 / 16,
                               log_sum_exp, y);
    return y;
  };
  const Tensor together = run(1, 0, 3);
  EXPECT_TRUE(same(run(1, 2, 1), together.slice(2, 1)));
  EXPECT_TRUE(same(run(3, 1, 1), together.slice(1, 1)));
  EXPECT_TRUE(same(run(4, 0, 3), together));
}

}  // namespace
}  // namespace ddim::test
