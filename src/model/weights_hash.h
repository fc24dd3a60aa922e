#pragma once

#include <string>

#include "nn/unet.h"

namespace ddim::engine::model {

/// A name for a network's weights that does not depend on the file they came from: the SHA-256, in
/// hexadecimal, of one line for each parameter, sorted,
///
///     conv_in.bias [128] <SHA-256 of its elements as little-endian fp32, row by row>
///
/// with the names and shapes that diffusers gives them. Weights that were rounded to f16 on the way
/// have a different one.
std::string weights_hash(const UNet& unet, int num_threads);

}  // namespace ddim::engine::model
