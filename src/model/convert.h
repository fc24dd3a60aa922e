#pragma once

#include <filesystem>
#include <optional>

#include "io/stored_type.h"
#include "model/model_files.h"

namespace ddim::model {

/// What a model is rewritten as.
enum class Target {
  diffusers,         ///< a folder with unet/, scheduler/, model_index.json and a model card
  official,          ///< one file, see official_checkpoint()
  official_weights,  ///< one file, see official_weights()
};

struct ConvertOptions {
  Target target = Target::diffusers;
  io::StoredType type = io::StoredType::f32;  ///< f32, f16 or bf16
  std::optional<WeightSet> set = {};          ///< no choice: all that the target can hold
};

/// Writes a model as something else. Weights stream from file to file, never all in memory. The
/// output appears complete or not at all and must not exist: Error(user); Error(numeric) for
/// weights that the type cannot hold, or that are not numbers; Error(io) when the system refuses.
void write_model(const ModelFiles& files, const std::filesystem::path& output,
                 const ConvertOptions& options);

}  // namespace ddim::model
