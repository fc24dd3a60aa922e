#include "base/environment.h"

#include <cstdlib>

namespace ddim::engine {

std::optional<std::string> environment(const char* name) {
  const char* const value = std::getenv(name);
  if (value == nullptr || *value == '\0') return {};
  return value;
}

}  // namespace ddim::engine
