#pragma once

#include "ops/channel_vars.h"

namespace ddim::engine {

/// y = activation(gamma * (x - mean) / sqrt(variance + epsilon) + beta), mean and biased variance
/// over the pixels of an image and the channels of a group (Wu and He, 2018):
/// x [N,H,W,C], gamma, beta [C] -> [N,H,W,C]. A group may have channels of both parts of x.
/// Throws Error(user) when C is not a multiple of the groups or the shapes do not fit.
Var group_norm(Tape& tape, const ChannelVars& x, const Var& gamma, const Var& beta,
               const GroupNormOptions& options);

}  // namespace ddim::engine
