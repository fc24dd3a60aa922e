#include "tensor/conv_problem.h"

namespace ddim::engine {

ConvProblem conv_problem(const ChannelParts& x, const ConvAddends<Tensor>& addends,
                         const ConvGeometry& geometry, const Tensor& y) {
  return {.pass = Pass::forward,
          .geometry = geometry,
          .height = x.first.dim(1),
          .width = x.first.dim(2),
          .c_in = x.channels(),
          .c_out = y.dim(3),
          .is_in_parts = x.second.defined(),
          .adds_per_image_bias = addends.per_image_bias.defined(),
          .adds_residual = addends.residual.defined()};
}

ConvProblem conv_backward_input_problem(const Tensor& dy, const Tensor& weight,
                                        const ConvGeometry& geometry, const ChannelGrads& dx) {
  const Tensor& part = dx.first ? dx.first.tensor : dx.second.tensor;
  return {.pass = Pass::backward_input,
          .geometry = geometry,
          .height = part.dim(1),
          .width = part.dim(2),
          .c_in = weight.dim(1),
          .c_out = dy.dim(3),
          .is_in_parts = !dx.first || part.dim(3) != weight.dim(1)};
}

ConvProblem conv_backward_weight_problem(const ChannelParts& x, const Tensor& dy,
                                         const ConvGeometry& geometry) {
  return {.pass = Pass::backward_weight,
          .geometry = geometry,
          .height = x.first.dim(1),
          .width = x.first.dim(2),
          .c_in = x.channels(),
          .c_out = dy.dim(3),
          .is_in_parts = x.second.defined()};
}

}  // namespace ddim::engine
