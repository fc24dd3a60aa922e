#pragma once

#include <memory>

#include "tensor/device.h"

namespace ddim::engine {

/// The reference: every function of tensor/kernels.h in plain loops, for f32 and f64 tensors. Sums
/// are taken in double in index order and rounded once, so a result does not depend on anything but
/// its inputs. It always uses one thread. The other backends are judged by it; nobody should wait
/// for it.
std::unique_ptr<Device::Backend> make_ref_backend();

}  // namespace ddim::engine
