#pragma once

#include <optional>
#include <string>

namespace ddim::engine {

/// What a variable of the process says; nothing for one that is not set, and for one that is empty.
std::optional<std::string> environment(const char* name);

}  // namespace ddim::engine
