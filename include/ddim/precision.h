#pragma once

#include "ddim/names.h"

namespace ddim {

/// What the factors of products (convolutions, linear layers, attention) are rounded to. Sums,
/// norms, softmax, parameters, losses and optimizer states are always fp32, and so are activations,
/// but those that DeviceKind::cuda stores in bf16.
enum class Precision {
  fp32,
  bf16,  ///< 8-bit mantissa: a network's eps is off by about 1e-2 of its size
  /// Factors as sums of three bf16, whose larger six products are added up: as exact as fp32, on
  /// the tensor cores of DeviceKind::cuda. Other devices do not have it.
  bf16x3,
};

template <>
struct Names<Precision> {
  static constexpr Named<Precision> kAll[] = {
      {Precision::fp32, "fp32"}, {Precision::bf16, "bf16"}, {Precision::bf16x3, "bf16x3"}};
  static constexpr std::span<const Named<Precision>> all() { return kAll; }
};

}  // namespace ddim
