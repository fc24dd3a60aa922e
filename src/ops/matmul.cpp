#include "ops/matmul.h"

#include "base/error.h"

namespace ddim::engine {
namespace {

Factor factor(const FactorVar& var) { return {var.matrix.value(), var.transposed}; }

}  // namespace

Var matmul(Tape& tape, const Device& device, const FactorVar& a, const FactorVar& b) {
  const Shape& left = a.matrix.value().shape();
  const Shape& right = b.matrix.value().shape();
  require(left.rank() == 2 && right.rank() == 2, "matmul: factors must be matrices, found ", left,
          " and ", right);
  require(factor(a).columns() == factor(b).rows(), "matmul: ", left,
          a.transposed ? " transposed" : "", " and ", right, b.transposed ? " transposed" : "",
          " do not fit: ", factor(a).columns(), " columns, ", factor(b).rows(), " rows");

  Kernels& k = device.kernels();
  Tensor y(device, {factor(a).rows(), factor(b).columns()}, a.matrix.value().dtype());  // [M,N]
  k.matmul(factor(a), factor(b), {y});
  // y = A B:  dA = dy B^T, dB = A^T dy, and the transposes of these where a factor is one.
  return tape.record(y, [&k, a, b](const Tensor& dy) {
    const auto backward = [&k](const FactorVar& of, const Factor& p, const Factor& q) {
      if (of.transposed) {
        k.matmul(q.transpose(), p.transpose(), of.matrix.grad());
      } else {
        k.matmul(p, q, of.matrix.grad());
      }
    };
    backward(a, {dy}, factor(b).transpose());
    backward(b, factor(a).transpose(), {dy});
  });
}

}  // namespace ddim::engine
