#pragma once

#include <string>
#include <string_view>

namespace ddim::engine {

/// A text as one line of a file: a line break is \n, a backslash is two.
std::string to_one_line(std::string_view text);
/// The counterpart of to_one_line().
std::string from_one_line(std::string_view line);

}  // namespace ddim::engine
