#pragma once

#include <cstdlib>
#include <string>

namespace ddim::test {

/// A Python that has all these modules ("torch numpy"), quoted for a shell: what DDIM_PYTHON names,
/// else python3; empty where that lacks one.
inline std::string find_python(const std::string& modules) {
  const char* named = std::getenv("DDIM_PYTHON");
  const std::string python = std::string("'") + (named != nullptr ? named : "python3") + "'";
  // Only looked for: to import some of them takes seconds.
  const std::string check = python +
                            " -c 'import importlib.util as u, sys; sys.exit(any("
                            "u.find_spec(name) is None for name in sys.argv[1:]))' " +
                            modules + " >/dev/null 2>&1";
  return std::system(check.c_str()) == 0 ? python : "";
}

/// Why a test was skipped that wanted them.
inline std::string no_python_with(const std::string& modules) {
  return "no Python with " + modules + ": DDIM_PYTHON can name one, and python3 is none";
}

}  // namespace ddim::test
