// The same files through the library that everybody else uses, where it is installed.
#include <gtest/gtest.h>

#include <cstdlib>

#include "tests/io/safetensors_bytes.h"
#include "tests/support/find_python.h"
#include "tests/support/temporary_folder.h"
#include "tests/support/text_files.h"

namespace ddim::engine::io {
namespace {

TEST(SafetensorsPython, ReadsAndRewritesOurFiles) {
  const std::string python = ddim::test::find_python("numpy safetensors");
  if (python.empty()) GTEST_SKIP() << ddim::test::no_python_with("numpy safetensors");
  const ddim::test::TemporaryFolder folder;
  std::vector<float> values;
  for (int i = 0; i < 600; ++i) values.push_back(static_cast<float>(i * i) * 0.001F - 100.0F);
  write_safetensors(
      folder / "ours.safetensors",
      {{.name = "f32", .shape = {20, 30}, .values = values},
       {.name = "f16", .type = StoredType::f16, .shape = {600}, .values = values},
       {.name = "a.f64", .type = StoredType::f64, .shape = {1, 600}, .values = values}},
      Overwrite::refuse);
  ddim::test::write_text(folder / "copy.py",
                         "import sys\n"
                         "from safetensors.numpy import load_file, save_file\n"
                         "t = load_file(sys.argv[1])\n"
                         "assert t['f32'].shape == (20, 30) and t['f16'].dtype == 'float16'\n"
                         "save_file(t, sys.argv[2], metadata={'format': 'pt'})\n");
  const std::string command = python + " " + (folder / "copy.py").string() + " " +
                              (folder / "ours.safetensors").string() + " " +
                              (folder / "theirs.safetensors").string();
  ASSERT_EQ(std::system(command.c_str()), 0);
  EXPECT_EQ(ddim::test::read_text(folder / "ours.safetensors"),
            ddim::test::read_text(folder / "theirs.safetensors"));
}

}  // namespace
}  // namespace ddim::engine::io
