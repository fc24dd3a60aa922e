#pragma once

#include "backend/cuda/emulated_gpu.h"
#include "backend/cuda/library.h"

namespace ddim::engine::cuda {

/// The same kernels on the CPU, for tests, with the threads of a block in this order.
const Library& emulated_library(emulation::Order order);

}  // namespace ddim::engine::cuda
