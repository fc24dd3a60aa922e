#include "ops/scale.h"

#include <utility>

#include "base/error.h"

namespace ddim::engine {

Var scale_per_image(Tape& tape, const Var& x, std::vector<double> factors) {
  const Shape& shape = x.value().shape();
  require(shape.rank() >= 1 && shape[0] == static_cast<std::int64_t>(factors.size()),
          "scale_per_image: ", factors.size(), " factors for the images of x ", shape);
  Kernels& k = x.value().device().kernels();
  Tensor y = empty_like(x.value());
  k.scale_per_image(x.value(), factors, {y});
  return tape.record(y, [&k, x, factors = std::move(factors)](const Tensor& dy) {
    k.scale_per_image(dy, factors, x.grad());
  });
}

Var scale(Tape& tape, const Var& x, double factor) {
  if (factor == 1.0) return x;
  return scale_per_image(tape, x,
                         std::vector<double>(static_cast<std::size_t>(x.value().dim(0)), factor));
}

}  // namespace ddim::engine
