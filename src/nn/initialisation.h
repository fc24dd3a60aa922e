#pragma once

#include <cstdint>

#include "nn/unet.h"

namespace ddim {

/// `pytorch`: what the DDIM paper's code starts from. Weights and biases of convolutions and linear
///   layers uniform in +-1/sqrt(fan_in).
/// `ho`: what Ho et al. start from. Weights uniform in +-sqrt(3 scale / ((fan_in + fan_out) / 2)),
///   biases 0; scale is 1, but 1e-10 for the last layer of each res block and attention and for
///   conv_out, so that a fresh network is almost the identity and predicts almost nothing.
/// Both: norms 1 and 0; fan_in = C_in * kernel^2, fan_out = C_out * kernel^2; learned rows of times
/// and classes standard normal, frequencies of a fourier embedding 16 times that.
enum class Initialisation { pytorch, ho };

/// Sets all parameters. A value depends on (seed, index of the parameter, element) alone.
void initialise(UNet& unet, Initialisation initialisation, std::uint64_t seed);

}  // namespace ddim
