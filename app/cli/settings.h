#pragma once

#include <filesystem>

#include "command_data.h"

namespace ddim::cli {

/// Gives the options of `command` that nobody has said anything about what the environment says.
/// Error(usage), naming the variable, for a value that an option does not take.
void take_environment(CommandData& command);

/// The same from a TOML file, which has a section per command, whose keys are the names of flags:
///     [sample]
///     model = "models/fashion-mnist"
///     steps = 20
/// Error(io) when it cannot be read, Error(usage), naming file and line, for one that is not TOML,
/// for sections and keys of no command, and for values that an option does not take.
void take_file(const std::filesystem::path& file, CommandData& program, CommandData& command);

/// Of two options that exclude each other, the one that was said with less weight counts as not
/// given. Error(usage), naming both, when both have the same. Error(user) for a flag on the command
/// line without the one that it needs; one of less weight counts as not given. Error(user) for one
/// that means nothing with the value of another, unless that one has more weight; then it counts as
/// not given.
void settle_conflicts(CommandData& command);

}  // namespace ddim::cli
