#pragma once

#include "tensor/kernels.h"

namespace ddim::engine {

// What a convolution's problem is, from the arguments of the function of Kernels that computes it.

ConvProblem conv_problem(const ChannelParts& x, const ConvAddends<Tensor>& addends,
                         const ConvGeometry& geometry, const Tensor& y);
/// Somebody wants dx.
ConvProblem conv_backward_input_problem(const Tensor& dy, const Tensor& weight,
                                        const ConvGeometry& geometry, const ChannelGrads& dx);
ConvProblem conv_backward_weight_problem(const ChannelParts& x, const Tensor& dy,
                                         const ConvGeometry& geometry);

}  // namespace ddim::engine
