#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "tensor/kernels.h"

namespace ddim {

/// A device to try an op on. Hands out tensors whose values depend only on how many were asked for
/// before, so that the same op on another device sees the same numbers, and with guard values
/// around them: NaN, so that whoever reads beyond a tensor shows it in his result.
class Lab {
 public:
  /// A run on `num_images` images from `first_image` on of the tensors that images() makes.
  struct Images {
    std::int64_t first_image = 0;
    std::int64_t num_images = -1;  ///< -1: all
  };
  Lab(Device device, DType dtype, const Images& images)
      : device_(std::move(device)), dtype_(dtype), images_(images) {}
  Lab(Device device, DType dtype) : Lab(std::move(device), dtype, Images{}) {}

  struct Values {
    double mean = 0.0;
    double deviation = 1.0;
  };
  /// An input [N,...], of which this run takes its images.
  Tensor images(const Shape& shape, const Values& values);
  Tensor images(const Shape& shape) { return images(shape, {}); }
  /// An input that belongs to no image.
  Tensor parameter(const Shape& shape, const Values& values);
  Tensor parameter(const Shape& shape) { return parameter(shape, {}); }

  /// Marks a tensor as a result to compare, one row for each image or as a whole.
  Tensor result_of_images(const Tensor& tensor);
  Tensor result(const Tensor& tensor);
  void result_of_images(std::vector<double> values);
  void result(double value);

  Kernels& kernels() const { return device_.kernels(); }
  std::uint32_t first_image() const { return static_cast<std::uint32_t>(images_.first_image); }
  const Device& device() const { return device_; }

  struct Result {
    bool of_images;
    std::vector<double> values;
  };
  /// The values of all results, after checking that no guard was touched.
  std::vector<Result> results() const;

 private:
  Tensor guarded(const Shape& shape, const Values& values);

  Device device_;
  DType dtype_;
  Images images_;
  std::uint32_t num_tensors_ = 0;
  std::vector<Tensor> blocks_;  // with their guards
  std::vector<std::pair<Tensor, bool>> results_;
  std::vector<Result> host_results_;
};

/// A shape to try ops on.
struct OpShape {
  Shape x;  ///< [N,H,W,C]
  std::int64_t groups;

  Shape channels() const { return {x[3]}; }
  Shape per_group() const { return {x[0], groups}; }
  Shape upsampled() const { return {x[0], 2 * x[1], 2 * x[2], x[3]}; }
};

/// One op with all its arguments.
struct OpCase {
  std::string name;
  double tolerance;  ///< against the reference in double, relative to the value plus 1 (inputs are
                     ///< of that size)
  std::function<void(Lab&, const OpShape&)> run;
};
std::vector<OpCase> op_cases();

}  // namespace ddim
