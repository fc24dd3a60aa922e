#include "data/folder_labels.h"
#include "tests/fuzz/target.h"

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  return ddim::fuzz::run(data, size, [](std::span<const std::byte> text) {
    ddim::engine::data::parse_label_list(ddim::fuzz::text_of(text), "input");
  });
}
