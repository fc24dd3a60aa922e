#pragma once

#include "backend/cuda/library.h"

namespace ddim::engine::cuda {

/// Opens libddim_cuda.so: the file that DDIM_CUDA_LIBRARY names, or the one beside the program,
/// beside libddim, or where the system looks for libraries. Throws Error(user) where there is none,
/// or where it is another version's.
const Library& open_library();

}  // namespace ddim::engine::cuda
