#pragma once

#include <ddim/encode.h>

#include <vector>

#include "diffusion/encode.h"
#include "run/network.h"

namespace ddim::engine::run {

/// Encodes pictures as the noise that the network draws them from. The code of a picture does not
/// depend on batch and threads. Errors as make_plan(), diffusion::make_encoding, invert and
/// run_images; Error(user) for pictures that do not fit the network.
Codes encode(const TrainedNetwork& model, const FloatImages& pictures,
             const EncodeOptions& options);

/// How pictures become states that these options draw them from again along a plan of `steps`.
EncodeOptions encoding_for(const PlanOptions& steps, const SampleOptions& options);

/// The steps that encode() takes. Error(user) for what it would refuse of these options.
std::vector<diffusion::EncodeStep> steps_of(const TrainedNetwork& model,
                                            const EncodeOptions& options);

/// How codes are drawn: from x_T over their own tau, down to t = 0.
SampleOptions decoding(const Codes& codes, const DecodeOptions& options);

}  // namespace ddim::engine::run
