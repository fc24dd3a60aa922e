#include "ops/reshape.h"

#include "base/error.h"

namespace ddim::engine {

Var reshape(Tape& tape, const Var& x, const Shape& shape) {
  require(x.value().size() == shape.size(), "reshape: ", x.value().shape(), " has ",
          x.value().size(), " elements, but ", shape, " has ", shape.size());

  Kernels& k = x.value().device().kernels();
  return tape.record(x.value().view(shape), [&k, x](const Tensor& dy) {
    k.accumulate(dy.view(x.value().shape()), x.grad());
  });
}

}  // namespace ddim::engine
