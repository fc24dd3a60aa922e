#include "ops/linear.h"

#include "base/error.h"

namespace ddim::engine {
namespace {

/// `grad` as the matrix [rows,columns] that the kernel knows.
Grad as_matrix(Grad grad, const Shape& shape) {
  if (grad) grad.tensor = grad.tensor.view(shape);
  return grad;
}

}  // namespace

Var linear(Tape& tape, const Var& x, const Var& weight, const Var& bias) {
  const Shape& in = x.value().shape();
  const Shape& w = weight.value().shape();
  require(w.rank() == 2, "linear: weight must be [C_out,K], found ", w);
  require(in.rank() >= 1 && in[in.rank() - 1] == w[1], "linear: weight ", w,
          " needs x with a last axis of ", w[1], ", found ", in);
  require(!bias.defined() || bias.value().shape() == Shape{w[0]}, "linear: bias must be ",
          Shape{w[0]}, ", found ", bias.value().shape());

  std::int64_t num_rows = 1;
  for (int axis = 0; axis + 1 < in.rank(); ++axis) num_rows *= in[axis];
  const Shape rows_in{num_rows, w[1]};
  const Shape rows_out{num_rows, w[0]};

  Kernels& k = x.value().device().kernels();
  Tensor y(x.value().device(), rows_out, x.value().dtype());  // [M,C_out]
  k.linear(x.value().view(rows_in), weight.value(), bias.value(), y);
  return tape.record(y.view(in.with(in.rank() - 1, w[0])), [&k, x, weight, bias, rows_in,
                                                            rows_out](const Tensor& dy) {
    const Tensor rows = x.value().view(rows_in);
    const Tensor dy_rows = dy.view(rows_out);
    // Two calls, so that x and weight may be the same Var.
    k.linear_backward(rows, weight.value(), dy_rows, as_matrix(x.grad(), rows_in), {}, {});
    k.linear_backward(rows, weight.value(), dy_rows, {}, weight.grad(), bias.grad());
  });
}

}  // namespace ddim::engine
