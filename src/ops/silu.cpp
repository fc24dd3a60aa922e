#include "ops/silu.h"

namespace ddim {

Var silu(Tape& tape, const Var& x) {
  Kernels& k = x.value().device().kernels();
  Tensor y = empty_like(x.value());
  k.silu(x.value(), y);
  return tape.record(y, [&k, x](const Tensor& dy) { k.silu_backward(x.value(), dy, x.grad()); });
}

}  // namespace ddim
