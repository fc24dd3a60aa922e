#pragma once

#include <vector>

#include "tensor/tape.h"

namespace ddim::engine {

/// y[n,...] = factors[n] x[n,...]: x [N,...]. Throws Error(user) unless there are N factors.
Var scale_per_image(Tape& tape, const Var& x, std::vector<double> factors);

/// y = factor * x: x [N,...]. Returns x itself when the factor is 1.
Var scale(Tape& tape, const Var& x, double factor);

}  // namespace ddim::engine
