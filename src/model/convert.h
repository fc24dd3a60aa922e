#pragma once

#include <filesystem>

#include "model/model.h"

namespace ddim::model {

/// Loads a folder of the DDIM paper's code: its configuration as config.json and the weights under
/// its names as unet.safetensors. Throws, naming file and field: Error(user) for missing files and
/// for configurations that this program has no network for, Error(corrupt) for damaged files and
/// weights that do not match.
Model load_official_folder(const std::filesystem::path& folder, const Device& device);

/// Rewrites a folder of the DDIM paper's code, or one that load_model() takes, as a diffusers
/// folder with weights stored as `type` (f32 or f16). Nothing is written when anything is wrong
/// with `folder`; `output` must not exist.
void convert_folder(const std::filesystem::path& folder, const std::filesystem::path& output,
                    io::StoredType type, const Device& device);

}  // namespace ddim::model
