// Runs a fuzzer's target once on every file of a folder, and on 2,000 damaged copies of them,
// always the same: a crash is what fails.
#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <random>
#include <vector>

#include "tests/fuzz/target.h"

namespace {

using Bytes = std::vector<char>;
constexpr int kNumMutations = 2'000;

void run(const Bytes& bytes) {
  const Bytes exact(bytes);  // whose memory ends where the file does: what reads further is seen
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

}  // namespace

int main(int argc, char** argv) {
  const std::vector<Bytes> files = argc == 2 ? read_folder(argv[1]) : std::vector<Bytes>();
  for (const Bytes& file : files) run(file);
  std::mt19937 random(5);
  for (std::size_t i = 0; i < kNumMutations && !files.empty(); ++i)
    run(damaged(files[i % files.size()], random));
  std::printf("%zu files\n", files.size());
  return files.empty() ? 1 : 0;
}
