#pragma once

#include <ddim/bench.h>

#include "nn/unet_config.h"

namespace ddim::engine::eval {

/// What is timed: a network of this shape, for a forward process of T steps.
struct BenchedNetwork {
  UNetConfig config;
  std::int64_t T = 1000;
};

/// Times a network with random weights on the cpu backend; options.network is not looked at. The
/// first steps, in which workers make their primitives and pack weights, are not counted. Throws
/// Error(user) for options that cannot be.
BenchResult bench(const BenchedNetwork& network, const BenchOptions& options);

}  // namespace ddim::engine::eval
