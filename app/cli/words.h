#pragma once

#include <string>
#include <vector>

#include "command_data.h"

namespace ddim::cli {

/// Gives the options of the program and of the command what the words of a command line say.
/// `command` becomes the command as soon as it is known; it starts as `program`. A text option that
/// is met (Command::add_help()) ends the parse and is returned, otherwise nullptr. Error(usage) for
/// words that cannot be understood.
const OptionData* parse_words(const std::vector<std::string>& words, CommandData& program,
                              CommandData*& command);

}  // namespace ddim::cli
