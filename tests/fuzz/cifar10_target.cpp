#include "data/cifar10.h"
#include "tests/fuzz/target.h"

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  return ddim::fuzz::run(data, size, [&](std::span<const std::byte>) {
    ddim::engine::data::parse_cifar10_pickle({data, size}, "input");
  });
}
