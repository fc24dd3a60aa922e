#pragma once

#include <ddim/model.h>

#include <optional>
#include <string>

#include "data/dataset.h"

namespace ddim {

/// How a model's pictures are read from a data set: with its size and channels. Those of another
/// size get there by `fit`. Where nothing is said they are cropped and resized if the model's
/// training did so and its files tell; otherwise they get a border where none is larger, or are
/// cropped and resized.
engine::data::DatasetOptions reading_for(const ModelInfo& model, const DataOptions& pictures,
                                         std::optional<Fit> fit = {});

/// Which pictures of a data set were read: "train", "test, the first 5000", "all (not split)".
std::string part_text(const DataOptions& pictures, const engine::data::Dataset& read);

/// What is behind pictures with alpha: what `read` says, otherwise what was in the model's training
/// where its files tell, otherwise white.
Colour background_for(const ModelInfo& model, const ReadOptions& read);

}  // namespace ddim
