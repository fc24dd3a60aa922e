#include <algorithm>

#include "backend/cuda/cuda_kernels.h"

namespace ddim::engine::cuda {

PartSlots part_slots_of(const ChannelGrads& dx, std::int64_t C) {
  Grad first = dx.first, second = dx.second;
  const std::int64_t split = dx.split(C);
  return {slot_of(first), slot_of(second), narrow(split), narrow(C - split)};
}

namespace {

/// Threads for a group: four elements each, where there are so many.
std::uint32_t threads_for(std::int64_t group_size) {
  return grid_size(std::clamp<std::int64_t>(divide_up(group_size, 128) * 32, 32, 256));
}

}  // namespace

void CudaKernels::group_norm(const ChannelParts& x, const Tensor& gamma, const Tensor& beta,
                             const GroupNormOptions& options, Tensor& mean, Tensor& rstd,
                             Tensor& y) {
  if (y.size() == 0) return;
  const std::int64_t pixels = y.dim(1) * y.dim(2);
  const std::int64_t group_bytes = pixels * (y.dim(3) / options.num_groups) * 4;
  // Larger groups would leave room for one block of 256 threads on a multiprocessor.
  constexpr std::int64_t kLargestInShared = 64 << 10;
  const bool in_shared = group_bytes <= kLargestInShared;
  launch({.grid = {grid_size(options.num_groups), grid_size(y.dim(0)), 1},
          .threads = threads_for(group_bytes / 4),
          .shared_bytes = in_shared ? grid_size(group_bytes) : 0},
         GroupNormArguments{.x = parts_of(x),
                            .gamma = data_of(gamma),
                            .beta = data_of(beta),
                            .mean = data_of(mean),
                            .rstd = data_of(rstd),
                            .y = overwrite(y),
                            .pixels = narrow(pixels),
                            .groups = narrow(options.num_groups),
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
    launch({.grid = {grid_size(options.num_groups), grid_size(N), 1},
            .threads = threads_for(pixels * (C / options.num_groups))},
           GroupNormBackwardArguments{.x = parts_of(x),
                                      .gamma = data_of(gamma),
                                      .beta = data_of(beta),
                                      .mean = data_of(mean),
                                      .rstd = data_of(rstd),
                                      .dy = values_of(dy),
                                      .dx = part_slots_of(dx, C),
                                      .pixels = narrow(pixels),
                                      .groups = narrow(options.num_groups),
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
