#include "io/npz.h"
#include "tests/fuzz/target.h"

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  return ddim::fuzz::run(data, size, [](std::span<const std::byte> file) {
    unsigned sum = 0;
    for (const ddim::engine::io::NpzArray& array : ddim::engine::io::parse_npz(file, "input"))
      for (const std::byte byte : array.bytes) sum += std::to_integer<unsigned>(byte);
    [[maybe_unused]] volatile const unsigned used = sum;
  });
}
