#include "data/cifar10.h"
#include "tests/fuzz/target.h"

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  return ddim::fuzz::run(data, size, [&](std::span<const std::byte>) {
    try {
      ddim::engine::data::parse_cifar10_names_pickle({data, size}, "input");
    } catch (const ddim::Error&) {  // the same parser's, which the images must have met, too
    }
    ddim::engine::data::parse_cifar10_pickle({data, size}, "input");
  });
}
