#include "data/npz_set.h"
#include "tests/fuzz/target.h"

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace ddim::engine::data;
  for (const char* const name : {"input.npz", "input.npy"}) {
    ddim::fuzz::run(data, size, [name](std::span<const std::byte> file) {
      parse_arrays(file, name, Labels::read);
    });
  }
  return 0;
}
