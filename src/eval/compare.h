#pragma once

#include <cstdint>
#include <functional>

#include "nn/unet.h"

namespace ddim::engine::eval {

/// How far apart two networks are: the largest difference between their outputs for the same noise,
/// of the size of the first one's pictures, at one t; and the largest |output| of the first.
struct OutputDistance {
  double largest_difference = 0.0;
  double largest_output = 0.0;
};

/// Makes one of the networks.
using MakeUNet = std::function<UNet()>;

/// Makes and runs the first network, then the second, never with both in memory. Errors as they
/// have, Error(user) for pictures of different sizes, and Error(numeric) when an output is not
/// finite.
OutputDistance compare_networks(const MakeUNet& first, const MakeUNet& second, std::int64_t t);

}  // namespace ddim::engine::eval
