#pragma once

#include <string>
#include <vector>

#include "command_data.h"

namespace ddim::cli {

/// "bash", "zsh", "fish"
const std::vector<std::string>& completed_shells();

/// A script that makes the shell complete commands, flags, the words that flags take, and names of
/// files for other values. `shell` is one of completed_shells().
std::string completion_of(const CommandData& program, const std::string& shell);

}  // namespace ddim::cli
