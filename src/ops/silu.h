#pragma once

#include "tensor/tape.h"

namespace ddim {

/// y = x * sigmoid(x), element by element. Any shape.
Var silu(Tape& tape, const Var& x);

}  // namespace ddim
