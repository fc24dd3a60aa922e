#pragma once

#include <memory>

#include "tensor/device.h"

namespace ddim::engine {

/// Kernels that do nothing on memory that is only counted: see make_dry_device(). Reductions return
/// what an ordinary run could: 0 for sums of squares, true for all_finite; downloads leave the
/// host's values as they are.
std::unique_ptr<Device::Backend> make_dry_backend(DType activations);

}  // namespace ddim::engine
