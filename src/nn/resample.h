#pragma once

#include <string>

#include "nn/conv2d.h"
#include "nn/unet_config.h"

namespace ddim::engine {

/// Halves height and width by a 3x3 convolution of stride 2. With downsample_padding 0 the zeros
/// are below and to the right only, as in the official code.
class Downsample {
 public:
  Downsample(ParameterList& parameters, const std::string& name, std::int64_t channels,
             const UNetConfig& config);
  Var operator()(Tape& tape, const Var& x) const { return conv_(tape, x); }  // -> [N,H/2,W/2,C]

 private:
  Conv2d conv_;
};

/// Doubles height and width by repeating pixels, then a 3x3 convolution.
class Upsample {
 public:
  Upsample(ParameterList& parameters, const std::string& name, std::int64_t channels);
  Var operator()(Tape& tape, const Var& x) const { return conv_(tape, x); }  // -> [N,2H,2W,C]

 private:
  Conv2d conv_;
};

}  // namespace ddim::engine
