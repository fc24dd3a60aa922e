#pragma once

#include <filesystem>
#include <vector>

namespace ddim {

/// The folders that may hold what comes with ddim, a folder each: those of DDIM_MODELS, then where
/// the program and the library are built or installed. Some may not exist.
std::vector<std::filesystem::path> shipped_folders();

}  // namespace ddim
