#include "comm/processors.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <fstream>
#include <set>
#include <sstream>

#include "base/folder.h"
#include "base/text.h"
#include "base/workers.h"

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

std::string name_of_machine() {
  std::array<char, 256> host{};
  ::gethostname(host.data(), host.size() - 1);
  std::ifstream file("/proc/sys/kernel/random/boot_id");
  std::string boot;
  file >> boot;
  return concat(host.data(), "/", boot);
}

std::string name_of_process_space() {
  struct stat found {};
  const bool is_known = ::stat("/proc/self/ns/pid", &found) == 0;
  return concat(name_of_machine(), "/", is_known ? found.st_ino : 0);
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
  return words.fail() ? "" : concat(name_of_process_space(), " ", process, " ", began);
}

std::map<std::string, std::string> uninterruptible_threads() {
  std::map<std::string, std::string> found;
  const std::filesystem::path tasks = "/proc/self/task";
  for (const std::string& thread : readable_names_in(tasks)) {
    std::string stat, ran;
    std::getline(std::ifstream(tasks / thread / "stat"), stat);
    std::getline(std::ifstream(tasks / thread / "schedstat"), ran);
    const std::size_t name_end = stat.rfind(')');
    if (name_end != std::string::npos && stat.substr(name_end, 3) == ") D" && !ran.empty())
      found[thread] = ran;
  }
  return found;
}

std::string processors_of_this_process() {
  return concat(name_of_machine(), " ", join(processors_allowed(), ","));
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

int processors_of_first_machine(const std::vector<std::string>& processors) {
  const Processors first = parse(processors.front());
  std::set<int> numbers;
  for (const std::string& text : processors) {
    const Processors found = parse(text);
    if (found.host == first.host) numbers.insert(found.numbers.begin(), found.numbers.end());
  }
  return static_cast<int>(numbers.size());
}

std::string advice_on_binding(int processors_of_ranks, int processors_of_launcher) {
  if (2 * processors_of_ranks > processors_of_launcher) return "";
  return concat("the ranks of this machine may use ", processors_of_ranks, " of ",
                processors_of_launcher,
                " processors; mpirun --bind-to none lets them use all, --map-by slot:PE=N gives "
                "each N of its own");
}

}  // namespace ddim::engine::comm
