#include "io/safetensors.h"
#include "tests/fuzz/target.h"

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  return ddim::fuzz::run(data, size, [](std::span<const std::byte> file) {
    std::vector<float> values;
    for (const ddim::engine::io::TensorEntry& entry :
         ddim::engine::io::parse_safetensors(file, "input").entries) {
      values.resize(static_cast<std::size_t>(entry.num_elements()));
      if (entry.type == ddim::engine::io::StoredType::f32 ||
          entry.type == ddim::engine::io::StoredType::f16)
        ddim::engine::io::read_f32(entry, values);
    }
  });
}
