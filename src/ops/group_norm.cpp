#include "ops/group_norm.h"

#include <cassert>

#include "base/error.h"

namespace ddim::engine {

Var group_norm(Tape& tape, const ChannelVars& x, const Var& gamma, const Var& beta,
               const GroupNormOptions& options) {
  require_images("group_norm", "C", x);
  const Shape shape = x.value().shape();
  require(options.num_groups >= 1 && shape[3] % options.num_groups == 0, "group_norm: channels (",
          shape[3], ") must be a multiple of groups (", options.num_groups, ")");
  require(gamma.value().shape() == Shape{shape[3]}, "group_norm: gamma must be ", Shape{shape[3]},
          ", found ", gamma.value().shape());
  require(beta.value().shape() == Shape{shape[3]}, "group_norm: beta must be ", Shape{shape[3]},
          ", found ", beta.value().shape());

  assert(gamma.value().storage_id() != beta.value().storage_id());  // one slot each

  const Device& device = x.first.value().device();
  const DType dtype = x.first.value().dtype();
  Kernels& k = device.kernels();
  const Shape statistics{shape[0], options.num_groups};
  Tensor mean(device, statistics, statistics_dtype(dtype));  // [N,groups]
  Tensor rstd(device, statistics, statistics_dtype(dtype));  // [N,groups]
  Tensor y(device, shape, dtype);                            // [N,H,W,C]
  k.group_norm(x.value(), gamma.value(), beta.value(), options, mean, rstd, y);
  return tape.record(y, [&k, x, gamma, beta, mean, rstd, options](const Tensor& dy) {
    write_grads(x, [&](const ChannelGrads& dx) {
      k.group_norm_backward(x.value(), gamma.value(), beta.value(), mean, rstd, options, dy, dx,
                            gamma.grad(), beta.grad());
    });
  });
}

}  // namespace ddim::engine
