#include <algorithm>
#include <atomic>
#include <cmath>
#include <cstddef>
#include <limits>
#include <span>
#include <vector>

#include "backend/cpu/cpu_kernels.h"
#include "backend/cpu/parallel.h"
#include "backend/cpu/reduce_simd.h"
#include "tensor/block_sums.h"

namespace ddim::engine::cpu {

void CpuKernels::squared_error(const Tensor& prediction, const Tensor& target,
                               std::span<double> sums) {
  const auto images = static_cast<std::int64_t>(sums.size());
  const std::int64_t image_elements = images == 0 ? 0 : prediction.size() / images;
  const float* a = prediction.data<float>();
  const float* b = target.data<float>();
  parallel_for(team(), images, [&](std::int64_t n) {
    const std::int64_t i = n * image_elements;
    sums[static_cast<std::size_t>(n)] = simd::squared_distance(a + i, b + i, image_elements);
  });
}

void CpuKernels::absolute_quantile(const Tensor& x, double ratio, std::span<double> quantiles) {
  const auto images = static_cast<std::int64_t>(quantiles.size());
  parallel_for(team(), images, [&](std::int64_t n) {
    const Tensor image = x.slice(n, 1);
    std::vector<float> values(image.values<float>().begin(), image.values<float>().end());
    for (float& value : values) value = std::abs(value);
    double& quantile = quantiles[static_cast<std::size_t>(n)];
    if (std::ranges::any_of(values, [](float value) { return std::isnan(value); })) {
      quantile = std::numeric_limits<double>::quiet_NaN();
      return;
    }
    const double place = ratio * static_cast<double>(values.size() - 1);
    const auto below = values.begin() + static_cast<std::ptrdiff_t>(std::floor(place));
    std::nth_element(values.begin(), below, values.end());
    // What follows is not smaller; the least of it is the next in the sorted list.
    const auto above = std::min_element(below + 1, values.end());
    const double fraction = place - std::floor(place);
    quantile = *below;
    if (fraction > 0.0 && above != values.end()) quantile += fraction * (double{*above} - *below);
  });
}

double CpuKernels::sum_of_squares(const Tensor& x) {
  const float* in = x.data<float>();
  std::vector<double> blocks(
      static_cast<std::size_t>((x.size() + kBlockElements - 1) / kBlockElements));
  parallel_blocks(team(), x.size(), kBlockElements, [&](std::int64_t i, std::int64_t n) {
    blocks[static_cast<std::size_t>(i / kBlockElements)] = simd::sum_of_squares(in + i, n);
  });
  return sum_by_tree(blocks);
}

bool CpuKernels::all_finite(const Tensor& x) {
  const float* in = x.data<float>();
  std::atomic<bool> finite = true;
  parallel_blocks(team(), x.size(), kBlockElements, [&](std::int64_t i, std::int64_t n) {
    if (!simd::all_finite(in + i, n)) finite = false;
  });
  return finite;
}

}  // namespace ddim::engine::cpu
