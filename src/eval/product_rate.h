#pragma once

#include "tensor/device.h"

namespace ddim::engine::eval {

/// Operations a second that products of the device's precision reach when their factors stay in the
/// cache, `num_threads` threads together: what a machine has to give to anything made of products.
/// The best of many short runs; takes some tens of milliseconds.
double product_rate(const Device& device, int num_threads);

}  // namespace ddim::engine::eval
