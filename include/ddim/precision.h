#pragma once

#include "ddim/names.h"

namespace ddim {

/// What the factors of products (convolutions, linear layers, attention) are rounded to. Sums,
/// norms, softmax, activations, parameters, losses and optimizer states are always fp32.
enum class Precision {
  fp32,
  bf16,  ///< 8-bit mantissa: a network's eps is off by about 1e-2 of its size
};

template <>
struct Names<Precision> {
  static constexpr Named<Precision> kAll[] = {{Precision::fp32, "fp32"}, {Precision::bf16, "bf16"}};
  static constexpr std::span<const Named<Precision>> all() { return kAll; }
};

}  // namespace ddim
