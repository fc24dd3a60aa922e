#pragma once

#include <ddim/convert.h>

#include <filesystem>

#include "model/model_files.h"

namespace ddim::engine::model {

/// Writes a model in another form. Weights stream from file to file and are never all in memory.
/// The output appears complete or not at all and must not exist: Error(user); Error(numeric) for
/// weights that the type cannot hold, or that are not numbers; Error(io) when the system refuses.
void write_model(const ModelFiles& files, const std::filesystem::path& output,
                 const ConvertOptions& options);

}  // namespace ddim::engine::model
