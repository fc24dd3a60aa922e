#pragma once

#include "nn/resnet56.h"

namespace ddim::engine::eval {

/// The network whose features sets of pictures are compared by.
using FeatureNetwork = ResNet56;
inline constexpr const char* kExtractorName = "resnet56-cifar10";

}  // namespace ddim::engine::eval
