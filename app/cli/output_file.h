#pragma once

#include <ddim/image.h>

#include <filesystem>

namespace ddim::cli {

/// What can be known of an output file before hours of work: Error(user) when `file` is a folder,
/// lies in none, or exists and may not be replaced.
void check_output(const std::filesystem::path& file, Overwrite overwrite);

}  // namespace ddim::cli
