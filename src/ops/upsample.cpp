#include "ops/upsample.h"

#include "base/error.h"

namespace ddim::engine {

Var upsample_nearest_2x(Tape& tape, const Var& x) {
  const Shape& shape = x.value().shape();
  require(shape.rank() == 4, "upsample_nearest_2x: x must be [N,H,W,C], found ", shape);

  Kernels& k = x.value().device().kernels();
  Tensor y(x.value().device(), {shape[0], 2 * shape[1], 2 * shape[2], shape[3]},
           x.value().dtype());  // [N,2H,2W,C]
  k.upsample_nearest_2x(x.value(), y);
  return tape.record(y,
                     [&k, x](const Tensor& dy) { k.upsample_nearest_2x_backward(dy, x.grad()); });
}

}  // namespace ddim::engine
