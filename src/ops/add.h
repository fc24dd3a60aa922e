#pragma once

#include "tensor/tape.h"

namespace ddim::engine {

/// y = a + b, both of one shape. Throws Error(user) when the shapes differ.
Var add(Tape& tape, const Var& a, const Var& b);

}  // namespace ddim::engine
