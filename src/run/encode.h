#pragma once

#include <ddim/encode.h>

#include "run/network.h"

namespace ddim::engine::run {

/// Encodes pictures as the noise that the network draws them from. The code of a picture does not
/// depend on batch and threads. Errors as make_plan(), diffusion::make_encoding, invert and
/// run_images; Error(user) for pictures that do not fit the network.
Codes encode(const TrainedNetwork& model, const FloatImages& pictures,
             const EncodeOptions& options);

/// How codes are drawn: from x_T over their own tau, down to t = 0.
SampleOptions decoding(const Codes& codes, const DecodeOptions& options);

}  // namespace ddim::engine::run
