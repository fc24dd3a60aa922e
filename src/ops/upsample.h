#pragma once

#include "tensor/tape.h"

namespace ddim::engine {

/// Each pixel becomes a square of two by two: x [N,H,W,C] -> [N,2H,2W,C].
Var upsample_nearest_2x(Tape& tape, const Var& x);

}  // namespace ddim::engine
