#include "io/torch_file.h"
#include "tests/fuzz/target.h"

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  return ddim::fuzz::run(data, size, [](std::span<const std::byte> file) {
    const ddim::engine::io::TorchContents contents = ddim::engine::io::parse_torch(file, "input");
    std::vector<float> values;
    for (std::uint32_t id = 0; id < contents.tree->num_values(); ++id) {
      const ddim::engine::io::PickleValue value = contents.tree->value(id);
      if (!ddim::engine::io::is_tensor(value)) continue;
      const ddim::engine::io::TensorEntry entry =
          ddim::engine::io::tensor_of(contents, value, "t", "input");
      if (entry.type != ddim::engine::io::StoredType::f32) continue;
      values.resize(static_cast<std::size_t>(entry.num_elements()));
      ddim::engine::io::read_f32(entry, values);
    }
  });
}
