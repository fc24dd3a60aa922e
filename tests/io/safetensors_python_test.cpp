// The same files through the library that everybody else uses, where it is installed.
#include <gtest/gtest.h>

#include <cstdlib>
#include <random>

#include "base/error.h"
#include "tests/io/safetensors_bytes.h"
#include "tests/support/find_python.h"
#include "tests/support/temporary_folder.h"
#include "tests/support/text_files.h"
#include "tests/support/torture.h"

namespace ddim::engine::io {
namespace {

TEST(SafetensorsPython, ReadsAndRewritesOurFiles) {
  const std::string python = ddim::test::find_python("numpy safetensors");
  if (python.empty()) GTEST_SKIP() << ddim::test::no_python_with("numpy safetensors");
  const ddim::test::TemporaryFolder folder;
  std::mt19937 random(4);
  const auto below = [&](std::size_t limit) {
    return std::uniform_int_distribution<std::size_t>(0, limit - 1)(random);
  };
  constexpr StoredType kTypes[] = {StoredType::f32, StoredType::f16, StoredType::f64};
  const int num_files = ddim::test::torture_count(50, 1'000);
  for (int i = 0; i < num_files; ++i) {
    std::vector<std::vector<float>> values(1 + below(6));
    std::vector<TensorSource> tensors;
    for (std::vector<float>& some : values) {
      std::vector<std::int64_t> shape;
      std::size_t count = 1;
      for (std::size_t rank = below(5); rank > 0; --rank) {
        shape.push_back(static_cast<std::int64_t>(below(9)));
        count *= static_cast<std::size_t>(shape.back());
      }
      while (some.size() < count)
        some.push_back(std::uniform_real_distribution<float>(-100.0F, 100.0F)(random));
      tensors.push_back({.name = concat("layer.", tensors.size(), std::string(below(40), 'w')),
                         .type = kTypes[below(3)],
                         .shape = shape,
                         .values = some});
    }
    write_safetensors(folder / concat(i, ".safetensors"), tensors, Overwrite::refuse);
  }
  ddim::test::write_text(folder / "copy.py", R"(
import sys
from safetensors.numpy import load_file, save_file
for i in range(int(sys.argv[2])):
    path = f"{sys.argv[1]}/{i}"
    tensors = load_file(path + ".safetensors")
    assert all(t.dtype in ("float16", "float32", "float64") for t in tensors.values())
    save_file(tensors, path + ".theirs", metadata={"format": "pt"})
)");
  const std::string command = concat(python, " ", (folder / "copy.py").string(), " ",
                                     folder.path().string(), " ", num_files);
  ASSERT_EQ(std::system(command.c_str()), 0);
  for (int i = 0; i < num_files; ++i) {
    // The order of tensors is that of their types and names in both.
    const SafetensorsFile ours = SafetensorsFile::open(folder / concat(i, ".safetensors"));
    const SafetensorsFile theirs = SafetensorsFile::open(folder / concat(i, ".theirs"));
    ASSERT_EQ(ours.entries().size(), theirs.entries().size());
    for (const TensorEntry& entry : ours.entries()) {
      EXPECT_EQ(theirs.at(entry.name).type, entry.type);
      EXPECT_EQ(theirs.at(entry.name).shape, entry.shape);
      EXPECT_EQ(theirs.read(entry.name), ours.read(entry.name)) << i << entry.name;
    }
  }
  ddim::test::tell_torture(num_files, "files of safetensors");
}

}  // namespace
}  // namespace ddim::engine::io
