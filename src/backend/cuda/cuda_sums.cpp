#include <algorithm>
#include <cmath>
#include <utility>

#include "backend/cuda/cuda_kernels.h"
#include "tensor/block_sums.h"

namespace ddim::engine::cuda {
namespace {

constexpr std::int64_t kSquaresOfASplit = 8192;

/// What the parts of a tensor say of it.
bool is_yes(std::span<const std::int32_t> answers) {
  return std::ranges::all_of(answers, [](std::int32_t answer) { return answer == 1; });
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

void CudaKernels::sum_columns(const Values& x, std::int64_t images, std::int64_t rows,
                              std::int64_t channels, const Slot& y) {
  const RowSplit split = split_rows(rows, 256, 64);
  float* partial = scratch({images * split.splits * channels})[0];
  if (images * channels == 0) return;
  launch({.grid = {grid_size(divide_up(channels, 32)), grid_size(split.splits), grid_size(images)}},
         ColumnSumsArguments{x, partial, rows, split.rows_per_split, narrow(channels)});
  sum_partials(partial, images, split.splits, channels, y);
}

void CudaKernels::sum_pixels(const Tensor& x, Grad y) {
  if (y) sum_columns(values_of(x), x.dim(0), x.dim(1) * x.dim(2), x.dim(3), slot_of(y));
}

/// (a - b)^2 of each image's elements; b may be null.
struct CudaKernels::Squares {
  const float *a, *b;
  std::int64_t images, image_size;

  std::int64_t splits() const { return divide_up(image_size, kSquaresOfASplit); }
};

std::vector<double> CudaKernels::add_squares(std::span<const Squares> all) {
  std::int64_t num_partials = 0;
  for (const Squares& one : all) num_partials += one.images * one.splits();
  std::vector<double> partials(static_cast<std::size_t>(num_partials));
  if (num_partials > 0) {
    auto* const on_device = reinterpret_cast<double*>(scratch({2 * num_partials})[0]);
    double* next = on_device;
    for (const Squares& one : all) {
      if (one.images * one.splits() == 0) continue;
      launch({.grid = {grid_size(one.splits()), grid_size(one.images), 1}},
             SquaresArguments{one.a, one.b, next, one.image_size, kSquaresOfASplit});
      next += one.images * one.splits();
    }
    read(on_device, std::span(partials));
  }
  std::vector<double> sums;
  std::span<const double> rest = partials;
  for (const Squares& one : all) {
    const auto splits = static_cast<std::size_t>(one.splits());
    for (std::int64_t n = 0; n < one.images; ++n, rest = rest.subspan(splits))
      sums.push_back(sum_by_tree(rest.first(splits)));
  }
  return sums;
}

void CudaKernels::squared_error(const Tensor& prediction, const Tensor& target,
                                std::span<double> sums) {
  const auto images = static_cast<std::int64_t>(sums.size());
  if (images == 0) return;
  const Squares squares{data_of(prediction), data_of(target), images, prediction.size() / images};
  std::ranges::copy(add_squares({&squares, 1}), sums.begin());
}
double CudaKernels::sum_of_squares(const Tensor& x) {
  double sum = 0.0;
  sums_of_squares({&x, 1}, {&sum, 1});
  return sum;
}
void CudaKernels::sums_of_squares(std::span<const Tensor> x, std::span<double> sums) {
  std::vector<Squares> all;
  for (const Tensor& one : x) all.push_back({data_of(one), nullptr, 1, one.size()});
  std::ranges::copy(add_squares(all), sums.begin());
}

bool CudaKernels::all_finite(const Tensor& x) {
  if (x.size() == 0) return true;
  const std::int64_t splits = divide_up(x.size(), kSquaresOfASplit);
  std::vector<std::int32_t> finite(static_cast<std::size_t>(splits));
  auto* on_device = reinterpret_cast<std::int32_t*>(scratch({splits})[0]);
  launch({.grid = {grid_size(splits), 1, 1}},
         FiniteArguments{values_of(x), on_device, x.size(), kSquaresOfASplit});
  read(on_device, std::span(finite));
  return is_yes(finite);
}

bool CudaKernels::is_finite_so_far(const Tensor& x, std::string_view what) {
  constexpr std::int64_t kMostAnswers = 1 << 14;
  if (x.size() == 0) return true;
  const std::int64_t splits = divide_up(x.size(), kSquaresOfASplit);
  if (splits > kMostAnswers) return all_finite(x);
  if (num_answers_ + splits > kMostAnswers) read_checks();
  if (!answers_) answers_.emplace(runtime_, kMostAnswers * sizeof(std::int32_t));
  launch({.grid = {grid_size(splits), 1, 1}},
         FiniteArguments{values_of(x), answers_->as<std::int32_t>() + num_answers_, x.size(),
                         kSquaresOfASplit});
  checks_.push_back({std::string(what), splits});
  num_answers_ += splits;
  runtime_->begin();
  return true;
}

void CudaKernels::read_checks() {
  if (checks_.empty()) return;
  std::vector<std::int32_t> answers(static_cast<std::size_t>(num_answers_));
  runtime_->copy_to_host(answers_->data(), answers.data(), answers.size() * sizeof answers[0]);
  const std::vector<Check> checks = std::exchange(checks_, {});
  num_answers_ = 0;
  std::span<const std::int32_t> rest = answers;
  for (const Check& check : checks) {
    const auto count = static_cast<std::size_t>(check.num_answers);
    if (!is_yes(rest.first(count)))
      fail(ErrorCode::numeric, "NaN or infinity in ", check.what,
           " (the device cpu names the layer)");
    rest = rest.subspan(count);
  }
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
  read(on_device, std::span(found));
  for (std::size_t n = 0; n < quantiles.size(); ++n) {
    quantiles[n] = found[2 * n];
    if (place > below) quantiles[n] += (place - below) * (double{found[2 * n + 1]} - found[2 * n]);
  }
}

}  // namespace ddim::engine::cuda
