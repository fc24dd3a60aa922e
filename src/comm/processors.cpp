#include "comm/processors.h"

#include <sched.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <fstream>
#include <memory>
#include <set>
#include <sstream>

#include "base/text.h"

namespace ddim::engine::comm {
namespace {

struct Processors {
  std::string host;
  std::set<int> numbers;
};

Processors parse(const std::string& text) {
  std::istringstream words(text);
  Processors found;
  words >> found.host;
  for (int number = 0; words >> number; words.ignore(1)) found.numbers.insert(number);
  return found;
}

}  // namespace

std::string name_of_host() {
  std::array<char, 256> host{};
  ::gethostname(host.data(), host.size() - 1);
  return host.data();
}

std::string identity_of_process(pid_t process) {
  std::ifstream file(concat("/proc/", process, "/stat"));
  std::string text;
  if (!std::getline(file, text)) return "";
  // Behind the program's name, which may have blanks, in brackets; the 20th word after it.
  const std::size_t name_end = text.rfind(')');
  if (name_end == std::string::npos) return "";
  std::istringstream words(text.substr(name_end + 1));
  std::string began;
  for (int k = 0; k < 20; ++k) words >> began;
  return words.fail() ? "" : concat(name_of_host(), " ", process, " ", began);
}

std::string processors_of_this_process() {
  constexpr int kMost = 8192;
  const std::unique_ptr<cpu_set_t, void (*)(cpu_set_t*)> allowed(
      CPU_ALLOC(kMost), [](cpu_set_t* set) { CPU_FREE(set); });
  const std::size_t num_bytes = CPU_ALLOC_SIZE(kMost);
  CPU_ZERO_S(num_bytes, allowed.get());
  ::sched_getaffinity(0, num_bytes, allowed.get());
  std::vector<int> numbers;
  for (int number = 0; number < kMost; ++number)
    if (CPU_ISSET_S(static_cast<std::size_t>(number), num_bytes, allowed.get()))
      numbers.push_back(number);
  return concat(name_of_host(), " ", join(numbers, ","));
}

int threads_of_rank(const std::vector<std::string>& processors, int rank, int limit) {
  std::vector<Processors> all;
  for (const std::string& text : processors) all.push_back(parse(text));
  const Processors& own = all[static_cast<std::size_t>(rank)];
  double share = 0.0;
  for (const int number : own.numbers) {
    const auto users = std::ranges::count_if(all, [&](const Processors& other) {
      return other.host == own.host && other.numbers.contains(number);
    });
    share += 1.0 / static_cast<double>(users);
  }
  constexpr double kRounding = 1e-6;
  const int threads = std::max(1, static_cast<int>(share + kRounding));
  return limit > 0 ? std::min(threads, limit) : threads;
}

int processors_per_task() {
  const char* text = std::getenv("SLURM_CPUS_PER_TASK");
  return text == nullptr ? 0 : std::max(0, std::atoi(text));
}

}  // namespace ddim::engine::comm
