#pragma once

#include <ddim/verification.h>

#include <filesystem>
#include <vector>

namespace ddim::engine::model {

/// ddim::verify_files(), but for the configuration of a training run.
std::vector<VerifiedFile> verified_files(const std::filesystem::path& path);

}  // namespace ddim::engine::model
