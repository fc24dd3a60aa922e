#pragma once

namespace ddim::engine::cpu {

/// How 3x3 convolutions may be computed.
enum class ConvAlgorithm {
  any,    ///< by Winograd's algorithm where that is faster
  direct  ///< as a sum of products, to compare with
};

/// What the environment variable DDIM_CONV says: any or direct; unset: any. A device reads it when
/// it is made. Throws Error(user) when it is anything else.
ConvAlgorithm conv_algorithm_of_environment();

}  // namespace ddim::engine::cpu
