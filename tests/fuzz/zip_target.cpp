#include "io/zip_reader.h"
#include "tests/fuzz/target.h"

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  return ddim::fuzz::run(data, size, [](std::span<const std::byte> file) {
    unsigned sum = 0;
    for (const ddim::engine::io::ZipEntry& entry : ddim::engine::io::parse_zip(file, "input"))
      for (const std::byte byte : entry.bytes) sum += std::to_integer<unsigned>(byte);
    [[maybe_unused]] volatile const unsigned used = sum;
  });
}
