#include "io/yaml.h"
#include "tests/fuzz/target.h"

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  return ddim::fuzz::run(data, size, [](std::span<const std::byte> text) {
    ddim::engine::io::parse_yaml(ddim::fuzz::text_of(text), "input");
  });
}
