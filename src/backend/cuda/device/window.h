// Where a convolution looks.
#pragma once

#include "backend/cuda/device/elements.h"

namespace ddim::engine::cuda {

/// A pixel of the product: its image, row and column; the image is -1 beyond the last.
struct Pixel {
  Index image;
  int row, column;
};
__device__ inline Pixel pixel_of(const Window& window, Index m, Index M) {
  if (m >= M) return {-1, 0, 0};
  const Index line = m / window.columns;
  return {line / window.rows, static_cast<int>(line % window.rows),
          static_cast<int>(m % window.columns)};
}

/// The pixel `count` later, which may be beyond the last.
__device__ inline void advance(const Window& window, Pixel& pixel, int count) {
  for (pixel.column += count; pixel.column >= window.columns; pixel.column -= window.columns) {
    if (++pixel.row < window.rows) continue;
    pixel.row = 0;
    ++pixel.image;
  }
}

/// A tap: the place in the window, and which copy of a pixel (0 but for gradients of upsampling).
struct Tap {
  int u, v, copy_y, copy_x;
};
__device__ inline Tap tap_of(const Window& window, int t) {
  const int copies = window.backward ? window.upsample : 1;
  const int place = t / (copies * copies), copy = t % (copies * copies);
  return {place / window.kernel_x, place % window.kernel_x, copy / copies, copy % copies};
}
/// Its number in a packed weight.
__device__ inline int weight_tap(const Window& window, int t) {
  const int copies = window.backward ? window.upsample : 1;
  return t / (copies * copies);
}

/// The place along one axis of the source, or -1.
__device__ inline int seen_place(const Window& window, int i, int u, int copy, int pad, int size) {
  if (!window.backward) {
    const int place = i * window.stride + u - pad;  // in the source, upsampled
    if (place < 0 || place >= size * window.upsample) return -1;
    return window.upsample == 2 ? place >> 1 : place;
  }
  const int place = i * window.upsample + copy + pad - u;
  if (place < 0 || place % window.stride != 0) return -1;
  return place / window.stride < size ? place / window.stride : -1;
}
/// The source's pixel that `pixel` sees, counted through all images, or -1.
__device__ inline Index seen_pixel(const Window& window, const Pixel& pixel, const Tap& tap) {
  if (pixel.image < 0) return -1;
  const int row =
      seen_place(window, pixel.row, tap.u, tap.copy_y, window.pad_y, window.source_rows);
  const int column =
      seen_place(window, pixel.column, tap.v, tap.copy_x, window.pad_x, window.source_columns);
  if (row < 0 || column < 0) return -1;
  return (pixel.image * window.source_rows + row) * window.source_columns + column;
}

/// What a convolution adds to the sum for output channel o of pixel m, which is in `image`.
__device__ inline float addends(const float* bias, const float* per_image_bias,
                                const Values& residual, Index m, Index image, int o, int c_out) {
  float sum = 0.0F;
  if (bias != nullptr) sum += bias[o];
  if (per_image_bias != nullptr) sum += per_image_bias[image * c_out + o];
  if (is_there(residual)) sum += load(residual, m * c_out + o);
  return sum;
}

}  // namespace ddim::engine::cuda
