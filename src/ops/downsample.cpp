#include "ops/downsample.h"

#include "base/error.h"

namespace ddim::engine {

Var downsample_mean_2x(Tape& tape, const Var& x) {
  const Shape& shape = x.value().shape();
  require(shape.rank() == 4 && shape[1] % 2 == 0 && shape[2] % 2 == 0,
          "downsample_mean_2x: x must be [N,H,W,C] with H and W even, found ", shape);

  Kernels& k = x.value().device().kernels();
  Tensor y(x.value().device(), {shape[0], shape[1] / 2, shape[2] / 2, shape[3]},
           x.value().dtype());  // [N,H,W,C]
  k.downsample_mean_2x(x.value(), y);
  return tape.record(y, [&k, x](const Tensor& dy) { k.downsample_mean_2x_backward(dy, x.grad()); });
}

}  // namespace ddim::engine
