#include "base/file_input.h"

#include <gtest/gtest.h>

#include <atomic>
#include <filesystem>
#include <thread>

#include "tests/support/expect_error.h"
#include "tests/support/temporary_folder.h"
#include "tests/support/text_files.h"

namespace ddim::engine {
namespace {

using testing::AllOf;
using testing::HasSubstr;

TEST(ReadFile, ReadsAllOrSaysWhyNot) {
  const ddim::test::TemporaryFolder folder;
  const std::string text(200'000, 'x');
  ddim::test::write_text(folder / "a", text);
  EXPECT_EQ(read_file(folder / "a", text.size()), text);
  ddim::test::expect_error(ErrorCode::corrupt, AllOf(HasSubstr("/a"), HasSubstr("199999")),
                           [&] { read_file(folder / "a", text.size() - 1); });
  ddim::test::expect_error(ErrorCode::io, AllOf(HasSubstr("/b"), HasSubstr("No such file")),
                           [&] { read_file(folder / "b", 10); });
  ddim::test::expect_error(ErrorCode::io, HasSubstr("Is a directory"),
                           [&] { read_file(folder.path(), 10); });
  ddim::test::write_text(folder / "empty", "");
  EXPECT_EQ(read_file(folder / "empty", 0), "");
}

TEST(ReadFile, WhatIsThereAndCannotBeReadIsNotMissing) {
  const ddim::test::TemporaryFolder folder;
  EXPECT_EQ(read_file_if_there(folder / "a", 10), std::nullopt);
  EXPECT_EQ(read_file_if_there(folder / "absent" / "a", 10), std::nullopt);
  ddim::test::write_text(folder / "a", "text");
  EXPECT_EQ(read_file_if_there(folder / "a", 10), "text");
  EXPECT_EQ(read_file_if_there(folder / "a" / "b", 10), std::nullopt);
  std::filesystem::create_symlink("loop", folder / "loop");
  std::filesystem::create_symlink("unmounted", folder / "dangling");
  for (const char* name : {"", "loop", "dangling", "loop/a"}) {
    ddim::test::expect_error(ErrorCode::io, "cannot read " + (folder.path() / name).string(),
                             [&] { read_file_if_there(folder.path() / name, 10); });
  }
}

TEST(ReadFile, AFileThatComesAndGoesIsThereOrMissing) {
  const ddim::test::TemporaryFolder folder;
  std::atomic<bool> done = false;
  std::thread other([&] {
    for (int k = 0; k < 2'000; ++k) {
      ddim::test::write_text(folder / "new", "text");
      std::filesystem::rename(folder / "new", folder / "a");
      std::filesystem::remove(folder / "a");
    }
    done = true;
  });
  while (!done) {
    EXPECT_NO_THROW(EXPECT_EQ(read_file_if_there(folder / "a", 10).value_or("text"), "text"));
  }
  other.join();
}

}  // namespace
}  // namespace ddim::engine
