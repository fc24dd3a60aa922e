#pragma once

#include <ddim/bench.h>

#include "nn/unet_config.h"

namespace ddim::engine::eval {

/// Times a network with random weights on the cpu backend; options.network is not looked at. The
/// first steps, in which workers make their primitives and pack weights, are not counted. Throws
/// Error(user) for options that cannot be.
BenchResult bench(const UNetConfig& network, const BenchOptions& options);

}  // namespace ddim::engine::eval
