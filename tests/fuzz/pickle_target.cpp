#include "io/pickle_reader.h"
#include "tests/fuzz/target.h"

namespace {

void parse_as(std::span<const std::byte> pickle, ddim::engine::io::PickleGlobals globals) {
  const ddim::engine::io::ParsedPickle parsed =
      ddim::engine::io::parse_pickle(pickle, "input", globals);
  std::size_t length = 0;
  for (std::uint32_t id = 0; id < parsed.tree->num_values(); ++id)
    length += parsed.tree->value(id).describe().size();
  [[maybe_unused]] volatile const std::size_t used = length;
}

}  // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  for (const auto globals :
       {ddim::engine::io::PickleGlobals::weights, ddim::engine::io::PickleGlobals::arrays}) {
    ddim::fuzz::run(data, size,
                    [&](std::span<const std::byte> pickle) { parse_as(pickle, globals); });
  }
  return 0;
}
