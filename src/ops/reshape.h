#pragma once

#include "tensor/tape.h"

namespace ddim::engine {

/// The same elements under another shape of the same size: shares them, copies nothing.
/// Throws Error(user) when the sizes differ.
Var reshape(Tape& tape, const Var& x, const Shape& shape);

}  // namespace ddim::engine
