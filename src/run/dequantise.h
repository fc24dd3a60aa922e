#pragma once

#include <ddim/encode.h>

namespace ddim::engine::run {

/// The pictures with their noise, which depends on a picture's place among them and on nothing
/// else. Element i of the noise belongs to element i of [N,C,H,W], the order of tensor files.
FloatImages dequantised(const FloatImages& pictures, Dequantise dequantise);

}  // namespace ddim::engine::run
