#pragma once

#include <ddim/verification.h>

#include <optional>

#include "model/model_files.h"

namespace ddim::engine::model {

/// Compares what these sets of weights are stored as with the digests that the files of `files`
/// carry, on all processors: the CRC-32 of tensors and, of our checkpoints, the manifest's SHA-256
/// of what has none and of the configurations. Error(corrupt), naming the file and, where it is
/// known, the tensor, also for a manifest that is damaged itself; Error(io) when a file cannot be
/// read.
void verify_weights(const ModelFiles& files, const std::vector<const StoredWeights*>& sets);

/// The same of all that `files` hold: both sets of weights, and Adam's moments.
void verify_weights(const ModelFiles& files);

}  // namespace ddim::engine::model
