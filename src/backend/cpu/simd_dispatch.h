#pragma once

#include "backend/cpu/isa.h"

namespace ddim::engine::cpu {

/// Makes the Highway kernels use no instruction set above `isa`. Highway keeps one choice for the
/// whole process, so the first call decides and later ones have no effect. Thread-safe.
void cap_highway_targets(Isa isa);

/// The instruction set that the Highway kernels use.
Isa highway_isa();

}  // namespace ddim::engine::cpu
