#include "ops/add.h"

#include "base/error.h"

namespace ddim::engine {

Var add(Tape& tape, const Var& a, const Var& b) {
  require(a.value().shape() == b.value().shape(), "add: shapes must be equal, found ",
          a.value().shape(), " and ", b.value().shape());

  Kernels& k = a.value().device().kernels();
  Tensor y = empty_like(a.value());
  k.add(a.value(), b.value(), y);
  return tape.record(y, [&k, a, b](const Tensor& dy) {
    k.accumulate(dy, a.grad());
    b.pass_grad(dy);
  });
}

}  // namespace ddim::engine
