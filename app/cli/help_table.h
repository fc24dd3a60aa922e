#pragma once

#include <span>
#include <string_view>

namespace ddim::cli {

/// Where a flag stands in help: in this order of groups, and of flags in a group.
struct HelpRow {
  std::string_view group;
  std::string_view flag;  ///< a flag means the same in each command that has it
  enum class Use { common, rare } use = Use::common;
  std::string_view common_in = {};  ///< the command in which a rare flag is common
};
std::span<const HelpRow> help_rows();

/// Command lines that help shows, two for each command.
struct HelpExample {
  std::string_view command;
  std::string_view line;
};
std::span<const HelpExample> help_examples();

}  // namespace ddim::cli
