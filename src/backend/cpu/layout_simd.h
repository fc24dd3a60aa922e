#pragma once

#include <cstdint>

#include "tensor/kernels.h"

/// Loops that move rows of channels.
namespace ddim::engine::cpu::simd {

/// `rows` runs of `width` floats, their starts from_stride and to_stride floats apart.
struct Rows {
  std::int64_t rows;
  std::int64_t width;
  std::int64_t from_stride;
  std::int64_t to_stride;
};

/// to = from or to += from, row by row.
void move_rows(const Rows& rows, const float* from, Write mode, float* to);

/// to[column * to_stride + row] = from[row * from_stride + column].
void transpose(const float* from, std::int64_t from_stride, std::int64_t rows, std::int64_t columns,
               float* to, std::int64_t to_stride);

/// A row of pixels, and what its values are multiplied with on their way.
struct PixelRow {
  std::int64_t pixels;
  std::int64_t channels;
  float factor;
};

/// y[2j,c] and y[2j+1,c] = or += factor x[j,c]: twice as wide. x [pixels,channels].
void repeat_pixels(const PixelRow& row, const float* x, Write mode, float* y);

/// x[j,c] = or += factor (y0[2j,c] + y0[2j+1,c] + y1[2j,c] + y1[2j+1,c]). x [pixels,channels].
void sum_pixel_quads(const PixelRow& row, const float* y0, const float* y1, Write mode, float* x);

}  // namespace ddim::engine::cpu::simd
