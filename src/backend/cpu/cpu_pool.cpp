#include <algorithm>
#include <cmath>

#include "backend/cpu/cpu_kernels.h"
#include "backend/cpu/parallel.h"

namespace ddim::engine::cpu {
namespace {

/// The places of a window that the image has, along one axis.
struct Places {
  std::int64_t first, end;
};
Places places_of(const PoolGeometry& geometry, std::int64_t output, std::int64_t size) {
  const std::int64_t begin = output * geometry.stride - geometry.padding;
  return {std::max(begin, std::int64_t{0}), std::min(begin + geometry.kernel, size)};
}

}  // namespace

// Loops over channels: a few megabytes pass once, so that a plain loop is as fast as the memory.
void CpuKernels::pool(const Tensor& x, const PoolGeometry& geometry, Tensor& y) {
  const std::int64_t H = x.dim(1), W = x.dim(2), C = x.dim(3);
  const std::int64_t rows = y.dim(1), columns = y.dim(2);
  parallel_for(team(), y.dim(0) * rows, [&](std::int64_t item) {
    const std::int64_t n = item / rows, i = item % rows;
    const float* const image = x.data<float>() + n * H * W * C;
    float* out = y.data<float>() + item * columns * C;
    const Places down = places_of(geometry, i, H);
    for (std::int64_t j = 0; j < columns; ++j, out += C) {
      const Places across = places_of(geometry, j, W);
      bool is_first = true;
      for (std::int64_t row = down.first; row < down.end; ++row) {
        for (std::int64_t column = across.first; column < across.end; ++column) {
          const float* const in = image + (row * W + column) * C;
          if (is_first) {
            std::copy_n(in, C, out);
          } else if (geometry.pooling == Pooling::max) {
            for (std::int64_t c = 0; c < C; ++c)
              out[c] = in[c] > out[c] || std::isnan(in[c]) ? in[c] : out[c];  // NaN stays
          } else {
            for (std::int64_t c = 0; c < C; ++c) out[c] += in[c];
          }
          is_first = false;
        }
      }
      if (geometry.pooling == Pooling::max) continue;
      const auto count = static_cast<float>((down.end - down.first) * (across.end - across.first));
      for (std::int64_t c = 0; c < C; ++c) out[c] /= count;
    }
  });
}

void CpuKernels::join_channels(std::span<const Tensor> parts, Tensor& y) {
  const std::int64_t C = y.dim(3);
  parallel_for(team(), y.dim(0) * y.dim(1) * y.dim(2), [&](std::int64_t pixel) {
    float* out = y.data<float>() + pixel * C;
    for (const Tensor& part : parts) {
      const std::int64_t channels = part.dim(3);
      out = std::copy_n(part.data<float>() + pixel * channels, channels, out);
    }
  });
}

}  // namespace ddim::engine::cpu
