#pragma once

#include <ddim/reconstruct.h>

#include "run/network.h"

namespace ddim::engine::eval {

/// Section 5.4: pictures encoded and decoded with each number of steps. Refuses before anything is
/// computed. Errors as run::encode() and run::generate().
std::vector<ReconstructedAt> reconstruct(const run::TrainedNetwork& model,
                                         const FloatImages& pictures,
                                         const ReconstructOptions& options);

}  // namespace ddim::engine::eval
