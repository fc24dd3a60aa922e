#include "io/picture.h"
#include "tests/fuzz/target.h"

/// One program for each format, which differ by their corpus.
int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  return ddim::fuzz::run(data, size, [](std::span<const std::byte> file) {
    ddim::engine::io::decode_picture(file, "input");
  });
}
