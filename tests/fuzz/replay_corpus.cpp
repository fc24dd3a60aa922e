// Runs a fuzzer's target once on every file of a folder, and on 2,000 damaged copies of them,
// always the same: a crash is what fails, or more than 2 seconds of the processor for one input,
// which is then written to the file slow-input.
// `make torture` asks for other copies by DDIM_TORTURE: "mutations SEED", or "bits 0": every bit
// flipped of the files (of large ones, of the first and last bytes).
#include <fcntl.h>
#include <sys/time.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <random>
#include <string_view>
#include <vector>

#include "tests/fuzz/target.h"

namespace {

using Bytes = std::vector<char>;
constexpr int kNumMutations = 2'000;

const Bytes* running = nullptr;

/// Keeps the input that took too long; only what a signal's handler may call.
void keep_slow_input(int /*signal*/) {
  const int file = open("slow-input", O_WRONLY | O_CREAT | O_TRUNC, 0644);
  if (file < 0 || write(file, running->data(), running->size()) < 0) std::abort();
  std::signal(SIGPROF, SIG_DFL);
  std::raise(SIGPROF);
}

/// SIGPROF comes unless it is called again before so much time of the processor is over.
void allow_cpu_seconds(long seconds) {
  const itimerval limit{.it_interval = {}, .it_value = {.tv_sec = seconds, .tv_usec = 0}};
  setitimer(ITIMER_PROF, &limit, nullptr);
}

void run(const Bytes& bytes) {
  const Bytes exact(bytes);  // whose memory ends where the file does: what reads further is seen
  running = &exact;
  allow_cpu_seconds(2);
  LLVMFuzzerTestOneInput(reinterpret_cast<const std::uint8_t*>(exact.data()), exact.size());
}

/// In order of their names, so that every run does the same.
std::vector<Bytes> read_folder(const char* folder) {
  std::vector<std::filesystem::path> paths;
  for (const auto& entry : std::filesystem::directory_iterator(folder))
    paths.push_back(entry.path());
  std::ranges::sort(paths);
  std::vector<Bytes> files;
  for (const std::filesystem::path& path : paths) {
    std::ifstream file(path, std::ios::binary);
    files.emplace_back(std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>());
  }
  return files;
}

/// One to four bytes changed, taken out, doubled, or numbers made extreme.
Bytes damaged(Bytes bytes, std::mt19937& random) {
  const auto below = [&random](std::size_t limit) {
    return std::uniform_int_distribution<std::size_t>(0, limit - 1)(random);
  };
  for (std::size_t count = 1 + below(4); count > 0 && !bytes.empty(); --count) {
    const std::size_t at = below(bytes.size());
    const auto place = bytes.begin() + static_cast<std::ptrdiff_t>(at);
    const auto length = static_cast<std::ptrdiff_t>(std::min(1 + below(8), bytes.size() - at));
    switch (below(5)) {
      case 0:
        *place = static_cast<char>(below(256));
        break;
      case 1:
        *place = static_cast<char>(*place ^ 1 << below(8));
        break;
      case 2:
        bytes.erase(place, place + length);
        break;
      case 3: {
        const Bytes piece(place, place + length);
        bytes.insert(place, piece.begin(), piece.end());
        break;
      }
      default:
        std::fill(place, place + length, below(2) == 0 ? '\xff' : '\0');
    }
  }
  return bytes;
}

/// With every single bit flipped, of the first and last 2,048 bytes.
std::size_t flip_every_bit(Bytes file) {
  constexpr std::size_t kEdge = 2'048;
  std::size_t count = 0;
  for (std::size_t at = 0; at < file.size(); ++at) {
    if (at >= kEdge && at + kEdge < file.size()) continue;
    for (int bit = 0; bit < 8; ++bit, ++count) {
      file[at] = static_cast<char>(file[at] ^ 1 << bit);
      run(file);
      file[at] = static_cast<char>(file[at] ^ 1 << bit);
    }
  }
  return count;
}

}  // namespace

int main(int argc, char** argv) {
  std::signal(SIGPROF, keep_slow_input);
  const std::vector<Bytes> files = argc == 2 ? read_folder(argv[1]) : std::vector<Bytes>();
  for (const Bytes& file : files) run(file);
  const char* const torture = std::getenv("DDIM_TORTURE");
  std::size_t count = 0;
  if (torture != nullptr && std::string_view(torture).starts_with("bits")) {
    for (const Bytes& file : files) count += flip_every_bit(file);
  } else {
    unsigned seed = 5;
    if (torture != nullptr) std::sscanf(torture, "mutations %u", &seed);
    std::mt19937 random(seed);
    for (; count < kNumMutations && !files.empty(); ++count)
      run(damaged(files[count % files.size()], random));
  }
  std::printf("%zu files, %zu inputs\n", files.size(), count);
  return files.empty() ? 1 : 0;
}
