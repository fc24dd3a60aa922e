#include "backend/cpu/resample.h"

#include "backend/cpu/engine.h"
#include "backend/cpu/layout_simd.h"
#include "backend/cpu/parallel.h"

namespace ddim::engine::cpu {
namespace {

/// Calls body(first element of a small row, first element of the two large rows that it makes).
template <class Body>
void for_each_row(ThreadTeam& team, const Shape& small, const Body& body) {
  const std::int64_t row_elements = small[2] * small[3];
  parallel_blocks(team, small[0] * small[1], rows_per_block(4 * row_elements),
                  [&](std::int64_t first, std::int64_t rows) {
                    for (std::int64_t r = first; r < first + rows; ++r)
                      body(r * row_elements, 4 * r * row_elements);
                  });
}

}  // namespace

void spread_2x(ThreadTeam& team, const Shape& small_shape, const float* small, float factor,
               Write mode, float* large) {
  const simd::PixelRow row{.pixels = small_shape[2], .channels = small_shape[3], .factor = factor};
  const std::int64_t large_row = 2 * row.pixels * row.channels;
  for_each_row(team, small_shape, [&](std::int64_t from, std::int64_t to) {
    simd::repeat_pixels(row, small + from, mode, large + to);
    simd::repeat_pixels(row, small + from, mode, large + to + large_row);
  });
}

void gather_2x(ThreadTeam& team, const Shape& small_shape, const float* large, float factor,
               Write mode, float* small) {
  const simd::PixelRow row{.pixels = small_shape[2], .channels = small_shape[3], .factor = factor};
  const std::int64_t large_row = 2 * row.pixels * row.channels;
  for_each_row(team, small_shape, [&](std::int64_t to, std::int64_t from) {
    simd::sum_pixel_quads(row, large + from, large + from + large_row, mode, small + to);
  });
}

Shape upsampled(const Shape& x, std::int64_t upsample) {
  return {x[0], upsample * x[1], upsample * x[2], x[3]};
}

const float* upsampled_images(Engine& engine, const Tensor& x, const ConvGeometry& geometry) {
  if (geometry.upsample == 1) return x.data<float>();
  auto* const images = reinterpret_cast<float*>(engine.rearranged().get(4 * x.num_bytes()));
  spread_2x(engine.team(), x.shape(), x.data<float>(), 1.0F, Write::overwrite, images);
  return images;
}

}  // namespace ddim::engine::cpu
