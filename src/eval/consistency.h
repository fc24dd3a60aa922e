#pragma once

#include <ddim/consistency.h>

#include "run/network.h"

namespace ddim::engine::eval {

/// Figure 5: the same noise drawn with each number of steps, and its distance from the reference.
/// Refuses before anything is drawn. Errors as run::generate().
std::vector<ConsistencyAt> consistency(const run::TrainedNetwork& model,
                                       const ConsistencyOptions& options);

}  // namespace ddim::engine::eval
