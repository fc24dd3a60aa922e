#include "ops/group_norm.h"

#include <cassert>

#include "base/error.h"

namespace ddim {

Var group_norm(Tape& tape, const Var& x, const Var& gamma, const Var& beta,
               const GroupNormOptions& options) {
  const Shape& shape = x.value().shape();
  require(shape.rank() == 4, "group_norm: x must be [N,H,W,C], found ", shape);
  require(options.num_groups >= 1 && shape[3] % options.num_groups == 0, "group_norm: channels (",
          shape[3], ") must be a multiple of groups (", options.num_groups, ")");
  require(gamma.value().shape() == Shape{shape[3]}, "group_norm: gamma must be ", Shape{shape[3]},
          ", found ", gamma.value().shape());
  require(beta.value().shape() == Shape{shape[3]}, "group_norm: beta must be ", Shape{shape[3]},
          ", found ", beta.value().shape());

  assert(gamma.value().storage_id() != beta.value().storage_id());  // one slot each

  Kernels& k = x.value().device().kernels();
  const Shape statistics{shape[0], options.num_groups};
  Tensor mean(x.value().device(), statistics, x.value().dtype());  // [N,groups]
  Tensor rstd = empty_like(mean);                                  // [N,groups]
  Tensor y = empty_like(x.value());                                // [N,H,W,C]
  k.group_norm(x.value(), gamma.value(), beta.value(), options, mean, rstd, y);
  return tape.record(y, [&k, x, gamma, beta, mean, rstd, options](const Tensor& dy) {
    k.group_norm_backward(x.value(), gamma.value(), beta.value(), mean, rstd, options, dy, x.grad(),
                          gamma.grad(), beta.grad());
  });
}

}  // namespace ddim
