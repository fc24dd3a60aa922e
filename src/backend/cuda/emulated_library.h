#pragma once

#include "backend/cuda/emulated_gpu.h"
#include "backend/cuda/library.h"

namespace ddim::engine::cuda {

/// The kernels run by the emulation, the threads of each block in the given order. As on a GPU,
/// what is asked for is done later: when somebody waits for it.
const Library& emulated_library(emulation::Order order);

namespace emulation {

/// How often a kernel was run in this process.
std::size_t num_launches(KernelId kernel);
/// How many kernels were run as a part of a graph.
std::size_t num_launches_in_graphs();

}  // namespace emulation

}  // namespace ddim::engine::cuda
