#pragma once

#include "ddim/names.h"

namespace ddim {

/// silu: x sigmoid(x).  mish: x tanh(log(1 + e^x)).  gelu: x (1 + erf(x / sqrt 2)) / 2.
/// relu: max(x, 0).  none: x.
enum class Activation { none, silu, mish, gelu, relu };

/// The activations of residual blocks.
template <>
struct Names<Activation> {
  static constexpr Named<Activation> kAll[] = {{Activation::silu, "silu"},
                                               {Activation::mish, "mish"},
                                               {Activation::gelu, "gelu"},
                                               {Activation::relu, "relu"}};
  static constexpr std::span<const Named<Activation>> all() { return kAll; }
};

}  // namespace ddim
