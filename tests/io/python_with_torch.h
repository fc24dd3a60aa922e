#pragma once

#include <cstdlib>
#include <string>

namespace ddim::test {

/// A Python that has PyTorch: what DDIM_PYTHON names, else python3; empty where that has none.
inline std::string python_with_torch() {
  const char* named = std::getenv("DDIM_PYTHON");
  const std::string python = named != nullptr ? named : "python3";
  // Only looked for: to import it takes seconds.
  const std::string check = "'" + python +
                            "' -c 'import importlib.util as u, sys; "
                            "sys.exit(u.find_spec(\"torch\") is None)' >/dev/null 2>&1";
  return std::system(check.c_str()) == 0 ? "'" + python + "'" : "";
}

inline constexpr const char* kNoTorch =
    "no Python with PyTorch: DDIM_PYTHON can name one, and python3 has none";

}  // namespace ddim::test
