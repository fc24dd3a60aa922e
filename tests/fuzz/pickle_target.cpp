#include "io/pickle_reader.h"
#include "tests/fuzz/target.h"

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  return ddim::fuzz::run(data, size, [](std::span<const std::byte> pickle) {
    const ddim::engine::io::ParsedPickle parsed = ddim::engine::io::parse_pickle(pickle, "input");
    std::size_t length = 0;
    for (std::uint32_t id = 0; id < parsed.tree->num_values(); ++id)
      length += parsed.tree->value(id).describe().size();
    [[maybe_unused]] volatile const std::size_t used = length;
  });
}
