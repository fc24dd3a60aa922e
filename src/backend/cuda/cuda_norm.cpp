#include <algorithm>

#include "backend/cuda/cuda_kernels.h"

namespace ddim::engine::cuda {

PartSlots part_slots_of(const ChannelGrads& dx, std::int64_t C) {
  Grad first = dx.first, second = dx.second;
  const std::int64_t split = dx.split(C);
  return {slot_of(first), slot_of(second), narrow(split), narrow(C - split)};
}

namespace {

/// How many columns a block has decides the time, not the bits: as many as fill wide loads, or
/// fewer where there are more multiprocessors than blocks.
GroupBlock group_block(const Shape& y, std::int64_t num_groups, std::int64_t num_multiprocessors) {
  const std::int64_t channels = y[3] / num_groups;
  GroupBlock block{.columns = kMostColumns,
                   .groups_of_block = 1,
                   .pixels = narrow(y[1] * y[2]),
                   .groups = narrow(num_groups)};
  const auto fill = [&] {
    block.groups_of_block = narrow(std::max<std::int64_t>(1, block.columns / channels));
  };
  constexpr std::int32_t kFewestColumns = 4;
  for (fill(); block.columns / 2 >= std::max<std::int64_t>(kFewestColumns, channels); fill()) {
    if (y[0] * divide_up(num_groups, block.groups_of_block) >= num_multiprocessors) break;
    block.columns /= 2;
  }
  return block;
}

/// One for each pixel of each column, up to 256.
LaunchShape shape_of(const GroupBlock& block, std::int64_t images) {
  std::uint32_t threads = 32;
  while (threads < 256 && threads < static_cast<std::uint32_t>(block.columns * block.pixels))
    threads *= 2;
  return {.grid = {grid_size(divide_up(block.groups, block.groups_of_block)), grid_size(images), 1},
          .threads = threads};
}

}  // namespace

void CudaKernels::group_norm(const ChannelParts& x, const Tensor& gamma, const Tensor& beta,
                             const GroupNormOptions& options, Tensor& mean, Tensor& rstd,
                             Tensor& y) {
  if (y.size() == 0) return;
  const GroupBlock block =
      group_block(y.shape(), options.num_groups, runtime_->num_multiprocessors());
  const std::int64_t bytes = static_cast<std::int64_t>(size_of(x.first.dtype())) * block.pixels *
                             block.groups_of_block * (y.dim(3) / options.num_groups);
  // More would leave room for one or two blocks on a multiprocessor.
  constexpr std::int64_t kMostInShared = 64 << 10;
  const bool in_shared = bytes <= kMostInShared;
  LaunchShape shape = shape_of(block, y.dim(0));
  shape.shared_bytes = in_shared ? grid_size(bytes) : 0;
  launch(shape, GroupNormArguments{.block = block,
                                   .x = parts_of(x),
                                   .gamma = data_of(gamma),
                                   .beta = data_of(beta),
                                   .mean = data_of(mean),
                                   .rstd = data_of(rstd),
                                   .y = overwrite(y),
                                   .in_shared = in_shared ? 1 : 0,
                                   .epsilon = static_cast<float>(options.epsilon),
                                   .curve = curve_of(options.activation)});
}

void CudaKernels::group_norm_backward(const ChannelParts& x, const Tensor& gamma,
                                      const Tensor& beta, const Tensor& mean, const Tensor& rstd,
                                      const GroupNormOptions& options, const Tensor& dy,
                                      const ChannelGrads& dx, Grad dgamma, Grad dbeta) {
  const std::int64_t N = dy.dim(0), pixels = dy.dim(1) * dy.dim(2), C = dy.dim(3);
  if (dx && dy.size() > 0) {
    const GroupBlock block =
        group_block(dy.shape(), options.num_groups, runtime_->num_multiprocessors());
    launch(shape_of(block, N), GroupNormBackwardArguments{.block = block,
                                                          .x = parts_of(x),
                                                          .gamma = data_of(gamma),
                                                          .beta = data_of(beta),
                                                          .mean = data_of(mean),
                                                          .rstd = data_of(rstd),
                                                          .dy = values_of(dy),
                                                          .dx = part_slots_of(dx, C),
                                                          .curve = curve_of(options.activation)});
  }
  if (!dgamma && !dbeta) return;
  const RowSplit split = split_rows(N * pixels, 256, 64);
  float* partial = scratch({2 * split.splits * C})[0];
  launch({.grid = {grid_size(divide_up(C, 32)), grid_size(split.splits), 1}},
         GroupNormSumsArguments{.x = parts_of(x),
                                .gamma = data_of(gamma),
                                .beta = data_of(beta),
                                .mean = data_of(mean),
                                .rstd = data_of(rstd),
                                .dy = values_of(dy),
                                .partial = partial,
                                .rows = N * pixels,
                                .rows_per_split = split.rows_per_split,
                                .pixels = narrow(pixels),
                                .groups = narrow(options.num_groups),
                                .splits = narrow(split.splits),
                                .curve = curve_of(options.activation)});
  if (dgamma) sum_partials(partial, 1, split.splits, C, slot_of(dgamma));
  if (dbeta) sum_partials(partial + split.splits * C, 1, split.splits, C, slot_of(dbeta));
}

}  // namespace ddim::engine::cuda
