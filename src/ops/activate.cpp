#include "ops/activate.h"

namespace ddim::engine {

Var activate(Tape& tape, const Var& x, Activation activation) {
  if (activation == Activation::none) return x;
  Kernels& k = x.value().device().kernels();
  Tensor y = empty_like(x.value());
  k.activate(activation, x.value(), y);
  return tape.record(y, [&k, x, activation](const Tensor& dy) {
    k.activate_backward(activation, x.value(), dy, x.grad());
  });
}

}  // namespace ddim::engine
