#include "backend/cpu/pointwise_conv.h"

#include "backend/cpu/linear_product.h"

namespace ddim::cpu {
namespace {

const float* data_or_null(const Tensor& tensor) {
  return tensor.defined() ? tensor.data<float>() : nullptr;
}
float* data_or_null(Tensor& tensor) { return tensor.defined() ? tensor.data<float>() : nullptr; }

std::int64_t num_pixels(const Tensor& x) { return x.dim(0) * x.dim(1) * x.dim(2); }

}  // namespace

void pointwise_conv2d(Engine& engine, const ChannelParts& x, const Tensor& weight,
                      const ConvAddends& addends, Tensor& y) {
  linear_product(engine, {.x = x.first.data<float>(),
                          .x_right = {.data = x.second.data<float>(), .count = x.second.dim(3)},
                          .num_rows = num_pixels(y),
                          .weight = weight,
                          .bias = data_or_null(addends.bias),
                          .residual = data_or_null(addends.residual),
                          .y = y.data<float>()});
}

void pointwise_backward_input(Engine& engine, const Tensor& dy, const Tensor& weight,
                              const ChannelGrads& dx) {
  Grad left = dx.first;
  Grad right = dx.second;
  const std::int64_t C_in = weight.dim(1);
  linear_product(engine, {.x = dy.data<float>(),
                          .num_rows = num_pixels(dy),
                          .weight = weight,
                          .role = WeightRole::as_it_is,
                          .write = left.write,
                          .y = data_or_null(left.tensor),
                          .y_right = {.data = data_or_null(right.tensor),
                                      .count = C_in - dx.split(C_in),
                                      .write = right.write}});
}

void pointwise_backward_weight(Engine& engine, const ChannelParts& x, const Tensor& dy,
                               Grad dweight) {
  std::int64_t first_column = 0;
  for (const Tensor* part : {&x.first, &x.second}) {
    const std::int64_t columns = part->dim(3);
    linear_weight_gradient(engine, {.data = part->data<float>(), .count = columns},
                           dy.data<float>(), num_pixels(dy), first_column, dweight);
    first_column += columns;
  }
}

}  // namespace ddim::cpu
