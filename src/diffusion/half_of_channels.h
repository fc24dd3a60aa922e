#pragma once

#include "tensor/tensor.h"

namespace ddim::engine::diffusion {

enum class Half { first, second };

/// Half of the channels: [...,2C] -> [...,C]. The output of a network that learned its variance is
/// its prediction and, behind it, what says the variance.
Tensor half_of_channels(const Tensor& x, Half half);

}  // namespace ddim::engine::diffusion
