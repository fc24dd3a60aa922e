#pragma once

#include "tensor/tape.h"

namespace ddim {

/// The same elements under another shape of the same size: shares them, copies nothing.
/// Throws Error(user) when the sizes differ.
Var reshape(Tape& tape, const Var& x, const Shape& shape);

}  // namespace ddim
