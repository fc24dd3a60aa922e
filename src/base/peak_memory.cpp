#include "base/peak_memory.h"

#include <sys/resource.h>

#include <fstream>
#include <string>

namespace ddim::engine {
namespace {

// Of this program alone: ru_maxrss begins with what the process had before it became this program.
std::int64_t high_water_kib() {
  std::ifstream status("/proc/self/status");
  for (std::string word; status >> word;) {
    std::int64_t kib = 0;
    if (word == "VmHWM:" && status >> kib) return kib;
  }
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return usage.ru_maxrss;
}

}  // namespace

std::int64_t peak_memory_bytes() { return high_water_kib() * 1024; }

}  // namespace ddim::engine
