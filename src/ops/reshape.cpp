#include "ops/reshape.h"

#include "base/error.h"

namespace ddim::engine {

Var reshape(Tape& tape, const Var& x, const Shape& shape) {
  require(x.value().size() == shape.size(), "reshape: ", x.value().shape(), " has ",
          x.value().size(), " elements, but ", shape, " has ", shape.size());

  return tape.record(x.value().view(shape),
                     [x](const Tensor& dy) { x.pass_grad(dy.view(x.value().shape())); });
}

}  // namespace ddim::engine
