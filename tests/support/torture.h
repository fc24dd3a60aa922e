#pragma once

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <string>

namespace ddim::test {

/// How often a test does what it does: `commit` times, or under `make torture`
/// (docs/reliability.md) `release` times the scale that it asks for in DDIM_TORTURE.
inline int torture_count(int commit, int release) {
  const char* const scale = std::getenv("DDIM_TORTURE");
  if (scale == nullptr) return commit;
  return std::max(commit, static_cast<int>(std::lround(std::strtod(scale, nullptr) * release)));
}

/// Tells `make torture` how much was done.
inline void tell_torture(long count, const std::string& what) {
  if (std::getenv("DDIM_TORTURE") != nullptr) std::printf("torture: %ld %s\n", count, what.c_str());
}

}  // namespace ddim::test
