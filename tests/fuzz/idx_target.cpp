#include "data/idx.h"
#include "tests/fuzz/target.h"

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace ddim::engine::data;
  constexpr std::size_t kMaxBytes = 1 << 20;
  ddim::fuzz::run(data, size, [&](std::span<const std::byte>) {
    parse_idx(gunzip({data, size}, kMaxBytes, "input"), "input");
  });
  return ddim::fuzz::run(data, size, [&](std::span<const std::byte>) {
    parse_idx({data, size}, "input");
  });
}
