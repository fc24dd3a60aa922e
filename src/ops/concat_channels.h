#pragma once

#include "tensor/tape.h"

namespace ddim {

/// a's channels, then b's: a [N,H,W,C_a], b [N,H,W,C_b] -> [N,H,W,C_a+C_b].
/// Throws Error(user) when N, H or W differ.
Var concat_channels(Tape& tape, const Var& a, const Var& b);

}  // namespace ddim
