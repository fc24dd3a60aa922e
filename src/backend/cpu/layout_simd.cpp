#include "backend/cpu/layout_simd.h"

#include "backend/cpu/simd_targets.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "backend/cpu/layout_simd.cpp"
#include <hwy/foreach_target.h>  // includes this file once for each instruction set
#include <hwy/highway.h>

#include "backend/cpu/simd_loops-inl.h"
#include "backend/cpu/simd_transpose-inl.h"

HWY_BEFORE_NAMESPACE();
namespace ddim::engine::cpu::simd::HWY_NAMESPACE {

void move_rows(const Rows& rows, const float* from, Write mode, float* to) {
  for (std::int64_t r = 0; r < rows.rows; ++r) {
    const float* source = from + r * rows.from_stride;
    float* target = to + r * rows.to_stride;
    for_each_vector<float>(rows.width, [&](auto d, std::int64_t c) HWY_ATTR {
      write(d, hn::LoadU(d, source + c), mode, target + c);
    });
  }
}

void transpose_floats(const float* from, std::int64_t from_stride, std::int64_t rows,
                      std::int64_t columns, float* to, std::int64_t to_stride) {
  transpose(from, from_stride, rows, columns, to, to_stride);
}

void repeat_pixels(const PixelRow& row, const float* x, Write mode, float* y) {
  const std::int64_t channels = row.channels;
  for (std::int64_t j = 0; j < row.pixels; ++j) {
    const float* pixel = x + j * channels;
    float* pair = y + 2 * j * channels;
    for_each_vector<float>(channels, [&](auto d, std::int64_t c) HWY_ATTR {
      const auto v = hn::Mul(hn::Set(d, row.factor), hn::LoadU(d, pixel + c));
      write(d, v, mode, pair + c);
      write(d, v, mode, pair + channels + c);
    });
  }
}

void sum_pixel_quads(const PixelRow& row, const float* y0, const float* y1, Write mode, float* x) {
  const std::int64_t channels = row.channels;
  for (std::int64_t j = 0; j < row.pixels; ++j) {
    const float* upper = y0 + 2 * j * channels;
    const float* lower = y1 + 2 * j * channels;
    float* pixel = x + j * channels;
    for_each_vector<float>(channels, [&](auto d, std::int64_t c) HWY_ATTR {
      const auto upper_sum = hn::Add(hn::LoadU(d, upper + c), hn::LoadU(d, upper + channels + c));
      const auto lower_sum = hn::Add(hn::LoadU(d, lower + c), hn::LoadU(d, lower + channels + c));
      const auto sum = hn::Add(upper_sum, lower_sum);
      write(d, hn::Mul(hn::Set(d, row.factor), sum), mode, pixel + c);
    });
  }
}

}  // namespace ddim::engine::cpu::simd::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace ddim::engine::cpu::simd {

HWY_EXPORT(move_rows);
HWY_EXPORT(transpose_floats);
HWY_EXPORT(repeat_pixels);
HWY_EXPORT(sum_pixel_quads);

void move_rows(const Rows& rows, const float* from, Write mode, float* to) {
  HWY_DYNAMIC_DISPATCH(move_rows)(rows, from, mode, to);
}

void transpose(const float* from, std::int64_t from_stride, std::int64_t rows, std::int64_t columns,
               float* to, std::int64_t to_stride) {
  HWY_DYNAMIC_DISPATCH(transpose_floats)(from, from_stride, rows, columns, to, to_stride);
}

void repeat_pixels(const PixelRow& row, const float* x, Write mode, float* y) {
  HWY_DYNAMIC_DISPATCH(repeat_pixels)(row, x, mode, y);
}

void sum_pixel_quads(const PixelRow& row, const float* y0, const float* y1, Write mode, float* x) {
  HWY_DYNAMIC_DISPATCH(sum_pixel_quads)(row, y0, y1, mode, x);
}

}  // namespace ddim::engine::cpu::simd
#endif  // HWY_ONCE
