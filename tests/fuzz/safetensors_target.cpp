#include "io/safetensors.h"
#include "tests/fuzz/target.h"

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  return ddim::fuzz::run(data, size, [](std::span<const std::byte> file) {
    std::vector<float> values;
    for (const ddim::io::TensorEntry& entry : ddim::io::parse_safetensors(file, "input").entries) {
      values.resize(static_cast<std::size_t>(entry.num_elements()));
      if (entry.type == ddim::io::StoredType::f32 || entry.type == ddim::io::StoredType::f16)
        ddim::io::read_f32(entry, values);
    }
  });
}
