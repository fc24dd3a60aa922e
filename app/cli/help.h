#pragma once

#include <string>

#include "command_data.h"

namespace ddim::cli {

enum class Flags { common, all };

struct HelpStyle {
  int width = 80;  ///< no line is longer
  bool colour = false;
  Flags flags = Flags::common;  ///< whether rare flags are shown
};

/// The help of a command, or of the program, whose options each command takes too.
std::string help_of(const CommandData& command, const CommandData& program, const HelpStyle& style);

/// The same with all flags as a manual page in roff.
std::string manual_of(const CommandData& command, const CommandData& program,
                      const std::string& version);

}  // namespace ddim::cli
