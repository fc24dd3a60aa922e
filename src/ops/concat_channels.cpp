#include "ops/concat_channels.h"

#include "base/error.h"

namespace ddim {

Var concat_channels(Tape& tape, const Var& a, const Var& b) {
  const Shape& left = a.value().shape();
  const Shape& right = b.value().shape();
  require(left.rank() == 4 && right.rank() == 4 && left.with(3, right[3]) == right,
          "concat_channels: a and b must be [N,H,W,C] and agree in N, H and W, found ", left,
          " and ", right);

  Kernels& k = a.value().device().kernels();
  Tensor y(a.value().device(), left.with(3, left[3] + right[3]),
           a.value().dtype());  // [N,H,W,C_a+C_b]
  k.concat_channels(a.value(), b.value(), y);
  return tape.record(y, [&k, a, b](const Tensor& dy) {
    // Two calls, so that a and b may be the same Var.
    k.concat_channels_backward(dy, a.grad(), {});
    k.concat_channels_backward(dy, {}, b.grad());
  });
}

}  // namespace ddim
