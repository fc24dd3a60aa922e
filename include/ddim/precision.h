#pragma once

namespace ddim {

/// What the factors of products (convolutions, linear layers, attention) are rounded to. Sums,
/// norms, softmax, activations, parameters, losses and optimizer states are fp32 always.
enum class Precision {
  fp32,
  bf16,  ///< 8 bits of significand: a network's eps is off by about 1e-2 of its size
};

}  // namespace ddim
