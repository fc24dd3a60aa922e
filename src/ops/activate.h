#pragma once

#include "tensor/tape.h"

namespace ddim::engine {

/// y = activation(x), element by element. Any shape. Returns x itself for Activation::none.
Var activate(Tape& tape, const Var& x, Activation activation);

}  // namespace ddim::engine
