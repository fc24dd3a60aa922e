#include "backend/cpu/pointwise_conv.h"

#include "backend/cpu/engine.h"
#include "backend/cpu/linear_product.h"

namespace ddim::engine::cpu {
namespace {

std::int64_t num_pixels(const Tensor& x) { return x.dim(0) * x.dim(1) * x.dim(2); }

}  // namespace

bool pointwise_product_applies(const ConvProblem& problem, const Engine& engine) {
  return problem.geometry.is_pointwise() && engine.precision() == Precision::bf16 &&
         !problem.adds_per_image_bias;
}

void pointwise_product(Engine& engine, const ConvForwardArguments& conv) {
  linear_product(engine, {.x = conv.x.first.data<float>(),
                          .num_rows = num_pixels(conv.y),
                          .weight = conv.weight,
                          .bias = conv.addends.bias.data_or_null<float>(),
                          .residual = conv.addends.residual.data_or_null<float>(),
                          .y = conv.y.data<float>()});
}

void pointwise_product(Engine& engine, const ConvBackwardInputArguments& conv) {
  Grad dx = conv.dx.first;
  linear_product(engine, {.x = conv.dy.data<float>(),
                          .num_rows = num_pixels(conv.dy),
                          .weight = conv.weight,
                          .pass = Pass::backward_input,
                          .write = dx.write,
                          .y = dx.tensor.data<float>()});
}

bool product_of_parts_applies(const ConvProblem& problem, const Engine&) {
  return problem.is_in_parts;
}

void product_of_parts(Engine& engine, const ConvForwardArguments& conv) {
  const Tensor& right = conv.x.second;
  linear_product(engine, {.x = conv.x.first.data<float>(),
                          .x_right = {.data = right.data<float>(), .count = right.dim(3)},
                          .num_rows = num_pixels(conv.y),
                          .weight = conv.weight,
                          .bias = conv.addends.bias.data_or_null<float>(),
                          .residual = conv.addends.residual.data_or_null<float>(),
                          .y = conv.y.data<float>()});
}

void product_of_parts(Engine& engine, const ConvBackwardInputArguments& conv) {
  Grad left = conv.dx.first;
  Grad right = conv.dx.second;
  const std::int64_t C_in = conv.weight.dim(1);
  linear_product(engine, {.x = conv.dy.data<float>(),
                          .num_rows = num_pixels(conv.dy),
                          .weight = conv.weight,
                          .pass = Pass::backward_input,
                          .write = left.write,
                          .y = left.tensor.data_or_null<float>(),
                          .y_right = {.data = right.tensor.data_or_null<float>(),
                                      .count = C_in - conv.dx.split(C_in),
                                      .write = right.write}});
}

void product_of_parts(Engine& engine, const ConvBackwardWeightArguments& conv) {
  std::int64_t first_column = 0;
  for (const Tensor* part : {&conv.x.first, &conv.x.second}) {
    const std::int64_t columns = part->dim(3);
    linear_weight_gradient(engine, {.data = part->data<float>(), .count = columns},
                           conv.dy.data<float>(), num_pixels(conv.dy), first_column, conv.dweight);
    first_column += columns;
  }
}

}  // namespace ddim::engine::cpu
