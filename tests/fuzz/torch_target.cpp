#include "io/torch_file.h"
#include "tests/fuzz/target.h"

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  return ddim::fuzz::run(data, size, [](std::span<const std::byte> file) {
    const ddim::io::TorchContents contents = ddim::io::parse_torch(file, "input");
    std::vector<float> values;
    for (std::uint32_t id = 0; id < contents.tree->num_values(); ++id) {
      const ddim::io::PickleValue value = contents.tree->value(id);
      if (!ddim::io::is_tensor(value)) continue;
      const ddim::io::TensorEntry entry = ddim::io::tensor_of(contents, value, "t", "input");
      if (entry.type != ddim::io::StoredType::f32) continue;
      values.resize(static_cast<std::size_t>(entry.num_elements()));
      ddim::io::read_f32(entry, values);
    }
  });
}
