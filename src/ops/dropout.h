#pragma once

#include <cstdint>

#include "tensor/tape.h"

namespace ddim::engine {

/// y = x * mask / (1 - probability): x [N,...]. An element is dropped with `probability`; the mask
/// is a function of the tape's dropout noise, `layer`, the image and the element (see DropoutKey).
/// Returns x itself when the tape does not record or the probability is 0.
/// Throws Error(user) unless 0 <= probability < 1 and layer < 2^24.
Var dropout(Tape& tape, const Var& x, std::uint32_t layer, double probability);

}  // namespace ddim::engine
