#pragma once

#include "base/file_output.h"
#include "io/stored_type.h"
#include "model/model_files.h"

namespace ddim::engine::model {

/// The file that the DDIM paper's code saves and resumes from, [model, adam, epoch, step, average]:
/// the model's names with `module.` before them, in the order of official_order(). Where `files`
/// hold one set of weights, or `set` chooses one, it is both model and average. Weights are stored
/// as `type`, Adam's moments as F32; without moments, Adam's state is that of a new one.
/// Error(user) naming the field for a network that the code has not. `files` must outlive the
/// writing.
FileContent official_checkpoint(const ModelFiles& files, std::optional<WeightSet> set,
                                io::StoredType type);

/// The same weights alone as a dictionary, as pesser/pytorch_diffusion keeps them.
FileContent official_weights(const ModelFiles& files, std::optional<WeightSet> set,
                             io::StoredType type);

}  // namespace ddim::engine::model
