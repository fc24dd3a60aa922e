#pragma once

#include <memory>

#include <ddim/precision.h>
#include "backend/cuda/library.h"
#include "tensor/device.h"

namespace ddim::engine {

/// A backend for the GPU that `library` finds. Throws Error(user) where there is none. Its workers
/// use the same stream, so several bring no speed.
std::unique_ptr<Device::Backend> make_cuda_backend(const cuda::Library& library,
                                                   Precision precision = Precision::fp32);

}  // namespace ddim::engine
