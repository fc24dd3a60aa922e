// The emulation as a library that the program can open, for tests of the program.
#include "backend/cuda/emulated_library.h"

extern "C" __attribute__((visibility("default"))) const ddim::engine::cuda::Library*
ddim_cuda_library() {
  return &ddim::engine::cuda::emulated_library(ddim::engine::cuda::emulation::Order::forward);
}
