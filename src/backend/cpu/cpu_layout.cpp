#include <algorithm>
#include <array>
#include <cassert>
#include <cstddef>

#include "backend/cpu/cpu_kernels.h"
#include "backend/cpu/layout_simd.h"
#include "backend/cpu/norm_simd.h"
#include "backend/cpu/parallel.h"
#include "backend/cpu/resample.h"

namespace ddim::engine::cpu {

void CpuKernels::upsample_nearest_2x(const Tensor& x, Tensor& y) {
  spread_2x(team(), x.shape(), x.data<float>(), 1.0F, Write::overwrite, y.data<float>());
}

void CpuKernels::upsample_nearest_2x_backward(const Tensor& dy, Grad dx) {
  if (!dx) return;
  gather_2x(team(), dx.tensor.shape(), dy.data<float>(), 1.0F, dx.write, dx.tensor.data<float>());
}

void CpuKernels::downsample_mean_2x(const Tensor& x, Tensor& y) {
  gather_2x(team(), y.shape(), x.data<float>(), 0.25F, Write::overwrite, y.data<float>());
}

void CpuKernels::downsample_mean_2x_backward(const Tensor& dy, Grad dx) {
  if (!dx) return;
  spread_2x(team(), dy.shape(), dy.data<float>(), 0.25F, dx.write, dx.tensor.data<float>());
}

void CpuKernels::gather_rows(const Tensor& table, std::span<const std::int64_t> rows, Tensor& y) {
  const std::int64_t channels = table.dim(1);
  for (std::size_t n = 0; n < rows.size(); ++n) {
    assert(0 <= rows[n] && rows[n] < table.dim(0));
    std::copy_n(table.data<float>() + rows[n] * channels, channels,
                y.data<float>() + static_cast<std::int64_t>(n) * channels);
  }
}

void CpuKernels::gather_rows_backward(const Tensor& dy, std::span<const std::int64_t> rows,
                                      Grad dtable) {
  if (!dtable) return;
  if (dtable.write == Write::overwrite) fill(0.0, dtable.tensor);
  const std::int64_t channels = dy.dim(1);
  for (std::size_t n = 0; n < rows.size(); ++n) {
    simd::move_rows({1, channels, channels, channels},
                    dy.data<float>() + static_cast<std::int64_t>(n) * channels, Write::accumulate,
                    dtable.tensor.data<float>() + rows[n] * channels);
  }
}

void CpuKernels::sum_pixels(const Tensor& x, Grad y) {
  if (!y) return;
  constexpr std::int64_t kMaxChannels = 128;  // of a task: their sums are on the stack
  const std::int64_t pixels = x.dim(1) * x.dim(2);
  const std::int64_t channels = x.dim(3);
  const std::int64_t tasks = (channels + kMaxChannels - 1) / kMaxChannels;
  const float* in = x.data<float>();
  float* out = y.tensor.data<float>();
  parallel_for(team(), x.dim(0) * tasks, [&](std::int64_t task) {
    const std::int64_t n = task / tasks;
    const std::int64_t first = task % tasks * kMaxChannels;
    const std::int64_t count = std::min(kMaxChannels, channels - first);
    std::array<double, kMaxChannels> sums;
    simd::channel_sums({pixels, channels, count}, in + n * pixels * channels + first, sums.data());
    for (std::int64_t c = 0; c < count; ++c) {
      const double sum = sums[static_cast<std::size_t>(c)];
      float& slot = out[n * channels + first + c];
      slot = static_cast<float>(y.write == Write::accumulate ? slot + sum : sum);
    }
  });
}

}  // namespace ddim::engine::cpu
