// Random files there and back through PyTorch itself, where it is installed.
#include <gtest/gtest.h>

#include <random>

#include "base/error.h"
#include "io/torch_file.h"
#include "io/torch_writer.h"
#include "tests/support/find_python.h"
#include "tests/support/temporary_folder.h"
#include "tests/support/text_files.h"
#include "tests/support/torture.h"

namespace ddim::engine::io {
namespace {

const int kNumFiles = test::torture_count(50, 1'000);

/// Loads every file of a folder as PyTorch does by default, without running anything, and saves it
/// again: as an archive by one of the protocols, or as the stream of before 2020.
constexpr const char* kScript = R"(
import sys, torch
for i in range(int(sys.argv[2])):
    tensors = torch.load(f"{sys.argv[1]}/{i}.pth", map_location="cpu", weights_only=True)
    torch.save(tensors, f"{sys.argv[1]}/{i}-archive.pth", pickle_protocol=2 + i % 4)
    torch.save({k: v.t() if v.dim() == 2 else v for k, v in tensors.items()},
               f"{sys.argv[1]}/{i}-stream.pth", _use_new_zipfile_serialization=False)
)";

struct Tensors {
  std::vector<std::string> names;
  std::vector<std::vector<std::int64_t>> shapes;
  std::vector<StoredType> types;
  std::vector<std::vector<float>> values;  ///< as they are when stored
};

Tensors random_tensors(std::mt19937& random) {
  const auto below = [&](int limit) {
    return std::uniform_int_distribution<int>(0, limit - 1)(random);
  };
  constexpr StoredType kTypes[] = {StoredType::f32, StoredType::f16, StoredType::bf16,
                                   StoredType::f64};
  Tensors tensors;
  for (int i = 0; i < 1 + below(6); ++i) {
    tensors.names.push_back(concat("layer.", i, ".", std::string(1 + below(40), 'w')));
    tensors.types.push_back(kTypes[below(4)]);
    std::vector<std::int64_t> shape;
    for (int rank = below(5); rank > 0; --rank) shape.push_back(below(7));
    std::size_t count = 1;
    for (const std::int64_t dim : shape) count *= static_cast<std::size_t>(dim);
    std::vector<float> values;
    for (std::size_t j = 0; j < count; ++j)
      values.push_back(static_cast<float>(below(255) - 127));  // exact in every type
    tensors.shapes.push_back(shape);
    tensors.values.push_back(values);
  }
  return tensors;
}

void write(const std::filesystem::path& path, const Tensors& tensors) {
  TorchWriter writer("archive");
  writer.open_dict();
  for (std::size_t i = 0; i < tensors.names.size(); ++i) {
    writer.text(tensors.names[i]);
    writer.tensor({.name = tensors.names[i],
                   .type = tensors.types[i],
                   .shape = tensors.shapes[i],
                   .values = tensors.values[i]});
  }
  writer.close_dict();
  write_file_durably(path, std::move(writer).content(), Overwrite::refuse);
}

enum class Matrices { as_written, transposed };

void expect_same(const std::filesystem::path& path, const Tensors& tensors, Matrices matrices) {
  const TorchFile file = open_torch_file(path);
  ASSERT_EQ(file.root().size(), tensors.names.size());
  for (std::size_t i = 0; i < tensors.names.size(); ++i) {
    const auto value = file.root().find(tensors.names[i]);
    ASSERT_TRUE(value);
    const TensorEntry entry = tensor_of(file.contents, *value, tensors.names[i], path.string());
    std::vector<std::int64_t> shape = tensors.shapes[i];
    const bool transposed = matrices == Matrices::transposed && shape.size() == 2;
    if (transposed) std::swap(shape[0], shape[1]);
    EXPECT_EQ(entry.shape, shape);
    EXPECT_EQ(entry.type, tensors.types[i]);
    std::vector<float> found(static_cast<std::size_t>(entry.num_elements()));
    read_f32(entry, found);
    if (!transposed) {
      EXPECT_EQ(found, tensors.values[i]);
      continue;
    }
    for (std::int64_t row = 0; row < shape[0]; ++row)
      for (std::int64_t column = 0; column < shape[1]; ++column)
        EXPECT_EQ(found[static_cast<std::size_t>(row * shape[1] + column)],
                  tensors.values[i][static_cast<std::size_t>(column * shape[0] + row)]);
  }
}

TEST(TorchPython, RandomFilesThereAndBack) {
  const std::string python = test::find_python("torch");
  if (python.empty()) GTEST_SKIP() << test::no_python_with("torch");
  const test::TemporaryFolder folder;
  std::mt19937 random(11);
  std::vector<Tensors> files;
  for (int i = 0; i < kNumFiles; ++i) {
    files.push_back(random_tensors(random));
    write(folder / concat(i, ".pth"), files.back());
  }
  test::write_text(folder / "there_and_back.py", kScript);
  const std::string command = concat(python, " ", (folder / "there_and_back.py").string(), " ",
                                     folder.path().string(), " ", kNumFiles);
  ASSERT_EQ(std::system(command.c_str()), 0);
  for (int i = 0; i < kNumFiles; ++i) {
    SCOPED_TRACE(i);
    const Tensors& tensors = files[static_cast<std::size_t>(i)];
    expect_same(folder / concat(i, ".pth"), tensors, Matrices::as_written);
    expect_same(folder / concat(i, "-archive.pth"), tensors, Matrices::as_written);
    expect_same(folder / concat(i, "-stream.pth"), tensors, Matrices::transposed);
  }
  test::tell_torture(kNumFiles, "files of PyTorch, in three forms");
}

}  // namespace
}  // namespace ddim::engine::io
