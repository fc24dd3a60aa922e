#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "tensor/conv_problem.h"

namespace ddim::engine::cpu {

class Engine;

constexpr std::int64_t kTaps = 9;  ///< of a window of 3x3

// The arguments of Kernels::conv2d and of its gradients.

struct ConvForwardArguments {
  const ChannelParts& x;
  const Tensor& weight;
  const ConvAddends<Tensor>& addends;
  const ConvGeometry& geometry;
  Tensor& y;
};
struct ConvBackwardInputArguments {
  const Tensor& dy;
  const Tensor& weight;
  const ConvGeometry& geometry;
  const ChannelGrads& dx;
};
struct ConvBackwardWeightArguments {
  const ChannelParts& x;
  const Tensor& dy;
  const ConvGeometry& geometry;
  Grad dweight;
};

/// One way to compute a convolution or a gradient of it.
template <class Arguments>
struct ConvImplementation {
  ConvChoice choice;  ///< its name, and what it is for
  bool (*applies)(const ConvProblem& problem, const Engine& engine);
  void (*run)(Engine& engine, const Arguments& arguments);
};

// All that there are for each pass, in the order in which they are asked: the first that applies is
// taken, and the last applies to everything. To add one: a file that defines its two functions, and
// a row in conv_choice.cpp.

std::span<const ConvImplementation<ConvForwardArguments>> conv_forward_implementations();
std::span<const ConvImplementation<ConvBackwardInputArguments>>
conv_backward_input_implementations();
std::span<const ConvImplementation<ConvBackwardWeightArguments>>
conv_backward_weight_implementations();

/// The first of `implementations` that applies.
template <class Arguments>
const ConvImplementation<Arguments>& chosen(
    std::span<const ConvImplementation<Arguments>> implementations, const ConvProblem& problem,
    const Engine& engine) {
  std::size_t i = 0;
  while (!implementations[i].applies(problem, engine)) ++i;
  return implementations[i];
}

}  // namespace ddim::engine::cpu
