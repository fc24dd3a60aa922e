#pragma once

#include "tensor/tape.h"

namespace ddim::engine {

/// y = activation(x (1 + s) + b), where an image's row of `modulation` is [s, b], a number of each
/// for every channel: x [N,H,W,C], modulation [N,2C] -> [N,H,W,C].
/// Throws Error(user) when the shapes do not fit.
Var scale_shift(Tape& tape, const Var& x, const Var& modulation, Activation activation);

}  // namespace ddim::engine
