#include <algorithm>
#include <array>
#include <cstddef>

#include "backend/cpu/cpu_kernels.h"
#include "backend/cpu/layout_simd.h"
#include "backend/cpu/norm_simd.h"
#include "backend/cpu/parallel_blocks.h"

namespace ddim::cpu {

void CpuKernels::concat_channels(const Tensor& a, const Tensor& b, Tensor& y) {
  const std::int64_t a_channels = a.dim(3);
  const std::int64_t b_channels = b.dim(3);
  const std::int64_t channels = a_channels + b_channels;
  const float* a_in = a.data<float>();
  const float* b_in = b.data<float>();
  float* out = y.data<float>();
  parallel_blocks(
      num_threads_, y.size() / channels, rows_per_block(channels),
      [&](std::int64_t pixel, std::int64_t pixels) {
        simd::move_rows({pixels, a_channels, a_channels, channels}, a_in + pixel * a_channels,
                        Write::overwrite, out + pixel * channels);
        simd::move_rows({pixels, b_channels, b_channels, channels}, b_in + pixel * b_channels,
                        Write::overwrite, out + pixel * channels + a_channels);
      });
}

void CpuKernels::concat_channels_backward(const Tensor& dy, Grad da, Grad db) {
  const std::int64_t channels = dy.dim(3);
  const std::int64_t a_channels = da ? da.tensor.dim(3) : db ? channels - db.tensor.dim(3) : 0;
  const float* in = dy.data<float>();
  const auto move_part = [&](Grad& part, std::int64_t first_channel, std::int64_t pixel,
                             std::int64_t pixels) {
    if (!part) return;
    const std::int64_t width = part.tensor.dim(3);
    simd::move_rows({pixels, width, channels, width}, in + pixel * channels + first_channel,
                    part.write, part.tensor.data<float>() + pixel * width);
  };
  parallel_blocks(num_threads_, dy.size() / channels, rows_per_block(channels),
                  [&](std::int64_t pixel, std::int64_t pixels) {
                    move_part(da, 0, pixel, pixels);
                    move_part(db, a_channels, pixel, pixels);
                  });
}

void CpuKernels::upsample_nearest_2x(const Tensor& x, Tensor& y) {
  const std::int64_t width = x.dim(2);
  const std::int64_t channels = x.dim(3);
  const std::int64_t row_elements = width * channels;
  const float* in = x.data<float>();
  float* out = y.data<float>();
  parallel_blocks(num_threads_, x.dim(0) * x.dim(1), rows_per_block(4 * row_elements),
                  [&](std::int64_t row, std::int64_t rows) {
                    for (std::int64_t r = row; r < row + rows; ++r) {
                      const float* x_row = in + r * row_elements;
                      float* y_rows = out + 4 * r * row_elements;
                      simd::repeat_pixels(x_row, width, channels, y_rows);
                      simd::repeat_pixels(x_row, width, channels, y_rows + 2 * row_elements);
                    }
                  });
}

void CpuKernels::upsample_nearest_2x_backward(const Tensor& dy, Grad dx) {
  if (!dx) return;
  const std::int64_t width = dx.tensor.dim(2);
  const std::int64_t channels = dx.tensor.dim(3);
  const std::int64_t row_elements = width * channels;
  const float* in = dy.data<float>();
  float* out = dx.tensor.data<float>();
  parallel_blocks(num_threads_, dx.tensor.dim(0) * dx.tensor.dim(1),
                  rows_per_block(4 * row_elements), [&](std::int64_t row, std::int64_t rows) {
                    for (std::int64_t r = row; r < row + rows; ++r) {
                      const float* dy_rows = in + 4 * r * row_elements;
                      simd::sum_pixel_quads(dy_rows, dy_rows + 2 * row_elements, width, channels,
                                            dx.write, out + r * row_elements);
                    }
                  });
}

void CpuKernels::sum_pixels(const Tensor& x, Grad y) {
  if (!y) return;
  constexpr std::int64_t kMaxChannels = 128;  // of a task: their sums are on the stack
  const std::int64_t pixels = x.dim(1) * x.dim(2);
  const std::int64_t channels = x.dim(3);
  const std::int64_t tasks = (channels + kMaxChannels - 1) / kMaxChannels;
  const float* in = x.data<float>();
  float* out = y.tensor.data<float>();
  parallel_for(num_threads_, x.dim(0) * tasks, [&](std::int64_t task) {
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

}  // namespace ddim::cpu
