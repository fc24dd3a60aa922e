#pragma once

#include <ddim/train.h>

#include "tensor/device.h"

namespace ddim::engine::train {

/// train_model() on a device of the configuration's precision.
TrainSummary run_training(const TrainOptions& options, const Device& device);

}  // namespace ddim::engine::train
