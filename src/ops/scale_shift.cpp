#include "ops/scale_shift.h"

#include "base/error.h"

namespace ddim::engine {

Var scale_shift(Tape& tape, const Var& x, const Var& modulation, Activation activation) {
  const Shape& shape = x.value().shape();
  require(shape.rank() == 4, "scale_shift: x must be [N,H,W,C], found ", shape);
  const Shape expected{shape[0], 2 * shape[3]};
  require(modulation.value().shape() == expected, "scale_shift: modulation must be ", expected,
          ", found ", modulation.value().shape());

  Kernels& k = x.value().device().kernels();
  Tensor y = empty_like(x.value());  // [N,H,W,C]
  k.scale_shift(x.value(), modulation.value(), activation, y);
  return tape.record(y, [&k, x, modulation, activation](const Tensor& dy) {
    k.scale_shift_backward(x.value(), modulation.value(), activation, dy, x.grad(),
                           modulation.grad());
  });
}

}  // namespace ddim::engine
