#include "tests/simd/lab.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <utility>

namespace ddim {
namespace {

// Odd numbers, so that tensors are not aligned to a vector.
constexpr std::int64_t kGuardBefore = 3;
constexpr std::int64_t kGuardAfter = 19;

template <class T>
void fill_guarded(Tensor& block, std::span<const float> values, const Lab::Values& range) {
  const std::span<T> out = block.values<T>();
  std::fill(out.begin(), out.end(), std::numeric_limits<T>::quiet_NaN());
  for (std::size_t i = 0; i < values.size(); ++i) {
    // Rounded to float, so that devices of different dtypes start from the same number.
    out[kGuardBefore + i] =
        static_cast<T>(static_cast<float>(range.mean + range.deviation * double{values[i]}));
  }
}

template <class T>
std::vector<double> as_doubles(const Tensor& tensor) {
  const std::span<const T> values = tensor.values<T>();
  return {values.begin(), values.end()};
}

std::vector<double> as_doubles(const Tensor& tensor) {
  return tensor.dtype() == DType::f32 ? as_doubles<float>(tensor) : as_doubles<double>(tensor);
}

}  // namespace

Tensor Lab::guarded(const Shape& shape, const Values& values) {
  std::vector<float> normal(static_cast<std::size_t>(shape.size()));
  fill_normal({.seed = 20}, num_tensors_++, normal);
  Tensor block(device_, Shape{kGuardBefore + shape.size() + kGuardAfter}, dtype_);
  if (dtype_ == DType::f32) {
    fill_guarded<float>(block, normal, values);
  } else {
    fill_guarded<double>(block, normal, values);
  }
  blocks_.push_back(block);
  return block.slice(kGuardBefore, shape.size()).view(shape);
}

Tensor Lab::images(const Shape& shape, const Values& values) {
  const Tensor all = guarded(shape, values);
  return images_.num_images < 0 ? all : all.slice(images_.first_image, images_.num_images);
}

Tensor Lab::parameter(const Shape& shape, const Values& values) { return guarded(shape, values); }

Tensor Lab::result_of_images(const Tensor& tensor) {
  results_.emplace_back(tensor, true);
  return tensor;
}

Tensor Lab::result(const Tensor& tensor) {
  results_.emplace_back(tensor, false);
  return tensor;
}

void Lab::result_of_images(std::vector<double> values) {
  host_results_.push_back({true, std::move(values)});
}

void Lab::result(double value) { host_results_.push_back({false, {value}}); }

std::vector<Lab::Result> Lab::results() const {
  for (const Tensor& block : blocks_) {
    const std::vector<double> values = as_doubles(block);
    for (std::size_t i = 0; i < kGuardBefore; ++i) {
      EXPECT_TRUE(std::isnan(values[i])) << "written before a tensor of " << block.shape();
    }
    for (std::size_t i = values.size() - kGuardAfter; i < values.size(); ++i) {
      EXPECT_TRUE(std::isnan(values[i])) << "written behind a tensor of " << block.shape();
    }
  }
  std::vector<Result> results = host_results_;
  for (const auto& [tensor, of_images] : results_)
    results.push_back({of_images, as_doubles(tensor)});
  return results;
}

}  // namespace ddim
