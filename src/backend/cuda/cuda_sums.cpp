#include <algorithm>
#include <cmath>
#include <numeric>

#include "backend/cuda/cuda_kernels.h"

namespace ddim::engine::cuda {
namespace {

constexpr std::int64_t kSquaresOfASplit = 8192;

/// Adds the values by a binary tree over their indices.
double sum_by_tree(std::span<const double> values) {
  if (values.empty()) return 0.0;
  if (values.size() == 1) return values[0];
  const std::size_t half = values.size() / 2;
  return sum_by_tree(values.first(half)) + sum_by_tree(values.subspan(half));
}

}  // namespace

std::vector<float*> CudaKernels::scratch(std::initializer_list<std::int64_t> num_floats) {
  constexpr std::int64_t kAlignment = 64;  // floats: 256 bytes
  std::int64_t total = 0;
  std::vector<std::int64_t> first;
  for (const std::int64_t n : num_floats) {
    first.push_back(total);
    total += divide_up(n, kAlignment) * kAlignment;
  }
  const std::size_t num_bytes = static_cast<std::size_t>(total) * sizeof(float);
  if (!scratch_ || scratch_->size() < num_bytes) {
    runtime_->synchronize();  // what was launched may still use it
    scratch_.reset();
    scratch_.emplace(runtime_, num_bytes);
  }
  std::vector<float*> pieces;
  for (const std::int64_t i : first) pieces.push_back(scratch_->as<float>() + i);
  return pieces;
}

void CudaKernels::sum_partials(const float* partial, std::int64_t outer, std::int64_t splits,
                               std::int64_t inner, const Slot& y) {
  launch_elements(outer * inner, SumPartialsArguments{partial, y, outer, splits, inner});
}

void CudaKernels::sum_columns(const float* x, std::int64_t images, std::int64_t rows,
                              std::int64_t channels, const Slot& y) {
  const RowSplit split = split_rows(rows, 256, 64);
  float* partial = scratch({images * split.splits * channels})[0];
  if (images * channels == 0) return;
  launch({.grid = {grid_size(divide_up(channels, 32)), grid_size(split.splits), grid_size(images)}},
         ColumnSumsArguments{x, partial, rows, split.rows_per_split, narrow(channels)});
  sum_partials(partial, images, split.splits, channels, y);
}

void CudaKernels::sum_pixels(const Tensor& x, Grad y) {
  if (y) sum_columns(data_of(x), x.dim(0), x.dim(1) * x.dim(2), x.dim(3), slot_of(y));
}

std::vector<double> CudaKernels::sums_of_squares(const float* a, const float* b,
                                                 std::int64_t images, std::int64_t image_size) {
  if (images * image_size == 0) return std::vector<double>(static_cast<std::size_t>(images));
  const std::int64_t splits = divide_up(image_size, kSquaresOfASplit);
  std::vector<double> partial(static_cast<std::size_t>(images * splits));
  auto* on_device = reinterpret_cast<double*>(scratch({2 * images * splits})[0]);
  launch({.grid = {grid_size(splits), grid_size(images), 1}},
         SquaresArguments{a, b, on_device, image_size, kSquaresOfASplit});
  runtime_->copy_to_host(on_device, partial.data(), partial.size() * sizeof(double));
  std::vector<double> sums;
  for (std::size_t n = 0; n < static_cast<std::size_t>(images); ++n)
    sums.push_back(sum_by_tree(std::span(partial).subspan(n * static_cast<std::size_t>(splits),
                                                          static_cast<std::size_t>(splits))));
  return sums;
}

void CudaKernels::squared_error(const Tensor& prediction, const Tensor& target,
                                std::span<double> sums) {
  const auto images = static_cast<std::int64_t>(sums.size());
  if (images == 0) return;
  std::ranges::copy(
      sums_of_squares(data_of(prediction), data_of(target), images, prediction.size() / images),
      sums.begin());
}
double CudaKernels::sum_of_squares(const Tensor& x) {
  return sums_of_squares(data_of(x), nullptr, 1, x.size())[0];
}

bool CudaKernels::all_finite(const Tensor& x) {
  if (x.size() == 0) return true;
  const std::int64_t splits = divide_up(x.size(), kSquaresOfASplit);
  std::vector<std::int32_t> finite(static_cast<std::size_t>(splits));
  auto* on_device = reinterpret_cast<std::int32_t*>(scratch({splits})[0]);
  launch({.grid = {grid_size(splits), 1, 1}},
         FiniteArguments{data_of(x), on_device, x.size(), kSquaresOfASplit});
  runtime_->copy_to_host(on_device, finite.data(), finite.size() * sizeof(std::int32_t));
  return std::ranges::all_of(finite, [](std::int32_t one) { return one == 1; });
}

void CudaKernels::absolute_quantile(const Tensor& x, double ratio, std::span<double> quantiles) {
  const auto images = static_cast<std::int64_t>(quantiles.size());
  if (images == 0 || x.size() == 0) return;
  const std::int64_t image_size = x.size() / images;
  const double place = ratio * static_cast<double>(image_size - 1), below = std::floor(place);
  std::vector<float> found(2 * quantiles.size());
  float* on_device = scratch({2 * images})[0];
  launch({.grid = {grid_size(images), 1, 1}},
         QuantileArguments{data_of(x), on_device, image_size, static_cast<Index>(below)});
  runtime_->copy_to_host(on_device, found.data(), found.size() * sizeof(float));
  for (std::size_t n = 0; n < quantiles.size(); ++n) {
    quantiles[n] = found[2 * n];
    if (place > below) quantiles[n] += (place - below) * (double{found[2 * n + 1]} - found[2 * n]);
  }
}

}  // namespace ddim::engine::cuda
