#pragma once

#include <optional>
#include <span>
#include <string>

#include "nn/unet.h"

namespace ddim::engine {

/// Runs the network forward once more and returns the checkpoint name of the first layer whose
/// output holds NaN or infinity ("down_blocks.1.attentions.0.to_q"), "x" when the input does, or
/// nothing when all is finite. For the error message after a result was found not to be finite.
std::optional<std::string> find_nonfinite(const UNet& unet, const Tensor& x,
                                          std::span<const double> t,
                                          const ClassLabels& labels = {});

}  // namespace ddim::engine
