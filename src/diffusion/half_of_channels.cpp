#include "diffusion/half_of_channels.h"

#include <cstdint>
#include <vector>

#include "base/error.h"
#include "tensor/kernels.h"

namespace ddim::engine::diffusion {

Tensor half_of_channels(const Tensor& x, Half half) {
  std::vector<std::int64_t> dims(x.shape().dims().begin(), x.shape().dims().end());
  ensure(!dims.empty() && dims.back() % 2 == 0, "half_of_channels: ", x.shape(),
         " has no two halves");
  dims.back() /= 2;
  Tensor y(x.device(), Shape(dims), x.dtype());
  // In memory the halves of the pixels take turns, as the rows of one table.
  const std::int64_t channels = dims.back();
  const std::int64_t num_pixels = y.size() / channels;
  std::vector<std::int64_t> rows(static_cast<std::size_t>(num_pixels));
  for (std::int64_t i = 0; i < num_pixels; ++i)
    rows[static_cast<std::size_t>(i)] = 2 * i + (half == Half::second ? 1 : 0);
  Tensor table_of_half = y.view({num_pixels, channels});
  x.device().kernels().gather_rows(x.view({2 * num_pixels, channels}), rows, table_of_half);
  return y;
}

}  // namespace ddim::engine::diffusion
