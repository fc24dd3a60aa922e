#pragma once

#include "train/run.h"

namespace ddim {

/// What trainings measure with output.evaluate_every_steps: the eps error, averaged over t = T/100,
/// T/10, T/2 and 9T/10, on at most output.evaluate_count held-out pictures; and the kernel distance
/// by resnet56-cifar10 of as many drawn pictures, always from the same noise. Error(user) where the
/// extractor is not found, or does not take the pictures.
engine::train::MeasureQuality make_quality_measure(const TrainConfig& config);

}  // namespace ddim
