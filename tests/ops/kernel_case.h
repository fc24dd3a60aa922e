#pragma once

#include <functional>
#include <optional>
#include <ostream>
#include <string>
#include <vector>

#include <ddim/device_kind.h>
#include <ddim/precision.h>
#include "tensor/kernels.h"

namespace ddim::test {

using namespace engine;

/// A tensor that a case hands to a kernel: normal values times `scale` plus `offset`.
struct Input {
  enum class Axis { images, none };
  Shape shape;
  Axis first_axis = Axis::images;  ///< whether the first axis counts images
  /// Whether networks that keep bf16 activations keep it so.
  bool is_activation = first_axis == Axis::images && shape.rank() >= 3;
  double scale = 1.0;
  double offset = 0.0;
};

/// A tensor that a kernel writes.
struct Output {
  /// Always overwritten; as its slot says; overwritten, with numbers of double precision
  /// (as_floats).
  enum class Kind { tensor, grad, doubles };
  Shape shape;
  Kind kind = Kind::tensor;
  Input::Axis first_axis = Input::Axis::images;
  bool is_activation = first_axis == Input::Axis::images && shape.rank() >= 3;
};

/// One run of a case. A gradient that nobody wants is undefined.
struct Call {
  Kernels& kernels;
  std::vector<Tensor> in;
  std::vector<Grad> out;
  std::uint32_t first_image = 0;

  const Device& device() const { return in.front().device(); }
  Tensor& y(std::size_t i = 0) { return out[i].tensor; }
  /// What the case needs between two kernels.
  Tensor scratch(const Shape& shape) const { return {device(), shape, in.front().dtype()}; }
  Tensor statistics(const Shape& shape) const {
    return {device(), shape, statistics_dtype(in.front().dtype())};
  }
};

/// A function of Kernels on given shapes, some of them larger than what the backend gives to a
/// thread at a time (tens of thousands of elements): what the harness in kernel_test.cpp compares
/// with `ref`, surrounds with sentinels and repeats for other batches and threads.
struct KernelCase {
  std::string name;
  std::vector<Input> inputs;
  std::vector<Output> outputs;
  /// Largest difference from `ref`, relative to the largest absolute value of the output, or to
  /// `magnitude` if that is more: the size of terms that cancel.
  double tolerance = 0.0;
  double magnitude = 0.0;
  /// Largest difference of each element from `ref` in double, relative to one more than its value.
  std::optional<double> element_tolerance = {};
  double flop = 0.0;                      ///< where products are most of the work
  double bf16_tolerance = 1e-2;           ///< the tolerance where products are made of bf16
  bool rounds_inputs = false;             ///< to bf16, for the backend and for `ref`
  Precision precision = Precision::fp32;  ///< of the backend; `ref` is fp32 always
  DType activations = DType::f32;         ///< of the backend's; `ref` gets the same numbers
  DeviceKind device = DeviceKind::cpu;    ///< the backend that is compared with `ref`
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

/// A double as two floats that add up to it, for each of `values`: an output of Kind::doubles.
std::vector<float> as_floats(const std::vector<double>& values);

/// `shapes`, and images of one pixel, of one channel, of channels that are no multiple of a vector
/// or more than the kernels' blocks of them, of odd widths, and of several blocks of elements.
std::vector<Shape> and_odd_images(std::vector<Shape> shapes);

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
