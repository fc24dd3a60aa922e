#pragma once

#include "tensor/tape.h"

namespace ddim::engine {

/// y = x weight^T + bias over the last axis:
/// x [...,K], weight [C_out,K], bias [C_out] or undefined -> [...,C_out].
/// Throws Error(user) when the shapes do not fit.
Var linear(Tape& tape, const Var& x, const Var& weight, const Var& bias);

}  // namespace ddim::engine
