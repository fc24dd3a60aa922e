#pragma once

#include <filesystem>
#include <string>

namespace ddim::cli {

/// The bytes of a file that a person wrote. Error(io), beginning with `name`, when it cannot be
/// read; Error(corrupt) when it is larger than 64 MiB, as a device that never ends is.
std::string read_text_file(const std::filesystem::path& file, const std::string& name);

}  // namespace ddim::cli
