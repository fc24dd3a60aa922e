#pragma once

#include "tensor/tape.h"

namespace ddim::engine {

/// Each square of two by two pixels becomes its mean: x [N,2H,2W,C] -> [N,H,W,C].
/// Throws Error(user) unless height and width are even.
Var downsample_mean_2x(Tape& tape, const Var& x);

}  // namespace ddim::engine
