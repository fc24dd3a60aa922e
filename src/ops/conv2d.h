#pragma once

#include <optional>

#include "ops/channel_vars.h"

namespace ddim::engine {

/// Cross-correlation with a window and zero padding, plus its addends, of x or of x with
/// its pixels repeated (geometry.upsample):
/// x [N,H,W,C_in], weight [C_out,C_in,kernel,kernel] (the window's sizes) -> [N,H_out,W_out,C_out].
/// x may be in two parts where the window is pointwise and there is no per_image_bias. The result
/// is of type `output`, or that of x. Throws Error(user) when the shapes do not fit, and when an
/// output could see padding alone.
Var conv2d(Tape& tape, const ChannelVars& x, const Var& weight, const ConvAddends<Var>& addends,
           const ConvGeometry& geometry, std::optional<DType> output = {});

}  // namespace ddim::engine
