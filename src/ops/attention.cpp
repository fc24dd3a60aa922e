#include "ops/attention.h"

#include "base/error.h"

namespace ddim::engine {
namespace {

/// A buffer of its own for the gradient of `x`, when somebody wants it.
Grad temporary_grad(const Var& x) { return x.needs_grad() ? Grad{empty_like(x.value())} : Grad{}; }

}  // namespace

Var attention(Tape& tape, const Var& q, const Var& k, const Var& v, std::int64_t num_heads,
              double scale) {
  const Shape& shape = q.value().shape();
  require(shape.rank() == 3, "attention: q must be [N,L,C], found ", shape);
  require(k.value().shape() == shape && v.value().shape() == shape, "attention: q ", shape, ", k ",
          k.value().shape(), " and v ", v.value().shape(), " must have the same shape");
  require(num_heads >= 1 && shape[2] % num_heads == 0, "attention: channels (", shape[2],
          ") must be a multiple of heads (", num_heads, ")");

  Kernels& kernels = q.value().device().kernels();
  Tensor log_sum_exp(q.value().device(), {shape[0], num_heads, shape[1]},
                     statistics_dtype(q.value().dtype()));
  Tensor y = empty_like(q.value());  // [N,L,C]
  kernels.attention(q.value(), k.value(), v.value(), num_heads, scale, log_sum_exp, y);
  return tape.record(y, [&kernels, q, k, v, y, log_sum_exp, num_heads, scale](const Tensor& dy) {
    const auto backward = [&](const Grad& dq, const Grad& dk, const Grad& dv) {
      kernels.attention_backward(q.value(), k.value(), v.value(), y, log_sum_exp, num_heads, scale,
                                 dy, dq, dk, dv);
    };
    const std::uint64_t id = q.value().storage_id();
    const bool all_different = id != k.value().storage_id() && id != v.value().storage_id() &&
                               k.value().storage_id() != v.value().storage_id();
    if (all_different) {
      backward(q.grad(), k.grad(), v.grad());
      return;
    }
    // The same Var twice has one gradient slot, and a kernel's outputs must not overlap.
    const Grad dq = temporary_grad(q);
    const Grad dk = temporary_grad(k);
    const Grad dv = temporary_grad(v);
    backward(dq, dk, dv);
    if (dq) kernels.accumulate(dq.tensor, q.grad());
    if (dk) kernels.accumulate(dk.tensor, k.grad());
    if (dv) kernels.accumulate(dv.tensor, v.grad());
  });
}

}  // namespace ddim::engine
