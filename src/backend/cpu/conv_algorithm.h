#pragma once

namespace ddim::cpu {

/// How 3x3 convolutions may be computed.
enum class ConvAlgorithm {
  any,    ///< by Winograd's algorithm where that is faster
  direct  ///< as a sum of products, to compare with
};

/// What the environment variable DDIM_CONV (any or direct; unset: any) says. It is read once.
/// Throws Error(user) when it is anything else.
ConvAlgorithm allowed_conv_algorithm();

}  // namespace ddim::cpu
