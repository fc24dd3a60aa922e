#pragma once

#include <cstdint>

#include "tensor/kernels.h"

/// Loops that move rows of channels.
namespace ddim::cpu::simd {

/// `rows` runs of `width` floats, their starts from_stride and to_stride floats apart.
struct Rows {
  std::int64_t rows;
  std::int64_t width;
  std::int64_t from_stride;
  std::int64_t to_stride;
};

/// to = from or to += from, row by row.
void move_rows(const Rows& rows, const float* from, Write mode, float* to);

/// y[2j,c] = y[2j+1,c] = x[j,c]: one row of pixels, twice as wide. x [pixels,channels].
void repeat_pixels(const float* x, std::int64_t pixels, std::int64_t channels, float* y);

/// x[j,c] = or += y0[2j,c] + y0[2j+1,c] + y1[2j,c] + y1[2j+1,c]. x [pixels,channels].
void sum_pixel_quads(const float* y0, const float* y1, std::int64_t pixels, std::int64_t channels,
                     Write mode, float* x);

}  // namespace ddim::cpu::simd
