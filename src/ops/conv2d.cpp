#include "ops/conv2d.h"

#include "base/error.h"

namespace ddim::engine {
namespace {

void require_addend(const Var& addend, const char* name, const Shape& expected) {
  require(!addend.defined() || addend.value().shape() == expected, "conv2d: ", name, " must be ",
          expected, ", found ", addend.defined() ? addend.value().shape() : Shape());
}

/// [N,H_out,W_out,C_out]
Shape output_shape(const Shape& x, const Shape& weight, const ConvGeometry& geometry) {
  const WindowAxis down = geometry.down_axis(), across = geometry.across_axis();
  require(weight.rank() == 4 && weight[2] == down.kernel && weight[3] == across.kernel,
          "conv2d: weight must be [C_out,C_in,", down.kernel, ",", across.kernel, "], found ",
          weight);
  require(weight[1] == x[3], "conv2d: weight ", weight, " takes ", weight[1],
          " channels, but x is ", x);
  for (const WindowAxis& axis : {down, across})
    require(axis.pad_begin < axis.kernel && axis.pad_end < axis.kernel, "conv2d: padding (",
            axis.pad_begin, ", ", axis.pad_end, ") must be less than the kernel (", axis.kernel,
            ")");
  require(geometry.upsample == 1 || geometry.upsample == 2,
          "conv2d: upsample must be 1 or 2, found ", geometry.upsample);
  const auto require_fits = [&](std::int64_t size, const WindowAxis& axis) {
    const std::int64_t padding = axis.pad_begin + axis.pad_end;
    require(geometry.upsample * size + padding >= axis.kernel, "conv2d: x ", x, " with ", padding,
            " pixels of padding is smaller than the window of ", axis.kernel);
  };
  require_fits(x[1], down);
  require_fits(x[2], across);
  return {x[0], geometry.output_rows(x[1]), geometry.output_columns(x[2]), weight[0]};
}

}  // namespace

Var conv2d(Tape& tape, const ChannelVars& x, const Var& weight, const ConvAddends<Var>& addends,
           const ConvGeometry& geometry, std::optional<DType> output) {
  require_images("conv2d", "C_in", x);
  const Shape shape = output_shape(x.value().shape(), weight.value().shape(), geometry);
  require_addend(addends.bias, "bias", {shape[3]});
  require_addend(addends.per_image_bias, "per_image_bias", {shape[0], shape[3]});
  require_addend(addends.residual, "residual", shape);
  require(
      !x.second.defined() || (geometry.is_pointwise() && !addends.per_image_bias.defined()),
      "conv2d: x in two parts needs a window of 1x1 without stride, padding and per_image_bias");

  const Tensor& like = x.first.value();
  Kernels& k = like.device().kernels();
  Tensor y(like.device(), shape, output.value_or(like.dtype()));  // [N,H_out,W_out,C_out]
  k.conv2d(x.value(), weight.value(),
           {.bias = addends.bias.value(),
            .per_image_bias = addends.per_image_bias.value(),
            .residual = addends.residual.value()},
           geometry, y);
  return tape.record(y, [&k, x, weight, addends, geometry](const Tensor& dy) {
    write_grads(x, [&](const ChannelGrads& dx) {
      k.conv2d_backward_input(dy, weight.value(), geometry, dx);
    });
    k.conv2d_backward_weight(x.value(), dy, geometry, weight.grad(), addends.bias.grad());
    k.sum_pixels(dy, addends.per_image_bias.grad());
    addends.residual.pass_grad(dy);
  });
}

}  // namespace ddim::engine
