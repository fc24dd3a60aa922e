#pragma once

#include <utility>

#include "tensor/kernels.h"
#include "tensor/tape.h"

namespace ddim::engine {

/// A value [N,H,W,C], or two that lie side by side in their channels: ChannelParts on a tape.
/// Nobody writes the two together.
struct ChannelVars {
  Var first;
  Var second;  ///< undefined: there is one part

  ChannelVars(Var whole) : first(std::move(whole)) {}
  ChannelVars(Var first_part, Var second_part)
      : first(std::move(first_part)), second(std::move(second_part)) {}

  ChannelParts value() const { return {first.value(), second.value()}; }
};

/// Throws Error(user) in the name of `op` unless x is [N,H,W,C] and a second part agrees with the
/// first in N, H and W. `channels` is what to call the last axis.
void require_images(const char* op, const char* channels, const ChannelVars& x);

/// Calls write(grads) once, so that both parts of x get their gradient. They may be one Var, which
/// has one slot.
template <class WriteGrads>
void write_grads(const ChannelVars& x, const WriteGrads& write) {
  const bool may_share_a_slot =
      x.second.needs_grad() && x.first.value().storage_id() == x.second.value().storage_id();
  if (!may_share_a_slot) return write(ChannelGrads(x.first.grad(), x.second.grad()));
  const Tensor apart = empty_like(x.second.value());  // [N,H,W,C-C_first]
  write(ChannelGrads(x.first.grad(), {apart}));
  apart.device().kernels().accumulate(apart, x.second.grad());
}

}  // namespace ddim::engine
