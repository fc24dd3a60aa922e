#pragma once

#include <functional>
#include <ostream>
#include <string>
#include <vector>

#include <ddim/precision.h>
#include "tensor/kernels.h"

namespace ddim::test {

/// A tensor that a case hands to a kernel: normal values times `scale` plus `offset`.
struct Input {
  enum class Axis { images, none };
  Shape shape;
  Axis first_axis = Axis::images;  ///< whether the first axis counts images
  double scale = 1.0;
  double offset = 0.0;
};

/// A tensor that a kernel writes.
struct Output {
  enum class Kind { tensor, grad };  ///< always overwritten, or as its slot says
  Shape shape;
  Kind kind = Kind::tensor;
  Input::Axis first_axis = Input::Axis::images;
};

/// One run of a case. A gradient that nobody wants is undefined.
struct Call {
  Kernels& kernels;
  std::vector<Tensor> in;
  std::vector<Grad> out;
  std::uint32_t first_image = 0;

  const Device& device() const { return in.front().device(); }
  Tensor& y(std::size_t i = 0) { return out[i].tensor; }
};

/// A function of Kernels on given shapes, some of them larger than what the backend gives to a
/// thread at a time (tens of thousands of elements): what the harness in kernel_test.cpp compares
/// with `ref`, surrounds with sentinels and repeats for other batches and threads.
struct KernelCase {
  enum class Pass { forward, backward };
  std::string name;
  Pass pass = Pass::forward;
  std::vector<Input> inputs;
  std::vector<Output> outputs;
  /// Largest difference from `ref`, relative to the largest absolute value of the output, or to
  /// `magnitude` if that is more: the size of terms that cancel.
  double tolerance = 0.0;
  double magnitude = 0.0;
  double bf16_tolerance = 1e-2;           ///< the tolerance where products are made of bf16
  Precision precision = Precision::fp32;  ///< of the backend; `ref` is fp32 always
  std::function<void(Call&)> run;
};

inline std::ostream& operator<<(std::ostream& out, const KernelCase& kernel_case) {
  return out << kernel_case.name;
}

inline Input parameter(const Shape& shape, double scale = 1.0, double offset = 0.0) {
  return {.shape = shape, .first_axis = Input::Axis::none, .scale = scale, .offset = offset};
}
inline Output grad(const Shape& shape) { return {.shape = shape, .kind = Output::Kind::grad}; }
inline Output parameter_grad(const Shape& shape) {
  return {.shape = shape, .kind = Output::Kind::grad, .first_axis = Input::Axis::none};
}

/// "5x8x8x32"
std::string shape_name(const Shape& shape);

std::vector<KernelCase> conv_cases();
std::vector<KernelCase> linear_cases();
std::vector<KernelCase> attention_cases();
std::vector<KernelCase> norm_cases();
std::vector<KernelCase> move_cases();
std::vector<KernelCase> noise_cases();
std::vector<KernelCase> update_cases();

}  // namespace ddim::test
