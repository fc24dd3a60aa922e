#include "base/folder.h"

#include <gmock/gmock.h>

#include "tests/support/expect_error.h"
#include "tests/support/temporary_folder.h"
#include "tests/support/text_files.h"

namespace ddim::engine {
namespace {

namespace fs = std::filesystem;
using test::expect_error;
using testing::ElementsAre;
using testing::IsEmpty;

class FolderTest : public testing::Test {
 protected:
  fs::path path(const std::string& name) const { return temporary_ / name; }
  test::TemporaryFolder temporary_;
};

TEST_F(FolderTest, NamesAreSorted) {
  for (const char* name : {"b", "a/x", ".c", "B"}) test::write_text(path(name), "");
  fs::create_symlink("nowhere", path("d"));
  EXPECT_THAT(names_in(temporary_.path()), ElementsAre(".c", "B", "a", "b", "d"));
  EXPECT_THAT(readable_names_in(path("a")), ElementsAre("x"));
  for (const char* name : {"none", "b"}) {
    expect_error(ErrorCode::io, "cannot read " + path(name).string() + ": ",
                 [&] { names_in(path(name)); });
    EXPECT_THAT(readable_names_in(path(name)), IsEmpty());
  }
}

TEST_F(FolderTest, FilesBelowItAreFoundThroughLinksToFilesOnly) {
  for (const char* name : {"in/b/z", "in/a", "out/c", "in/b/y/x"}) test::write_text(path(name), "");
  fs::create_symlink("../out/c", path("in/link"));
  fs::create_symlink("../out", path("in/links"));
  fs::create_symlink("itself", path("in/itself"));
  EXPECT_THAT(files_below(path("in")),
              ElementsAre(path("in/a"), path("in/b/y/x"), path("in/b/z"), path("in/link")));
}

TEST_F(FolderTest, ATreeIsRemovedAndNothingThatItLinksTo) {
  for (const char* name : {"in/b/z", "in/a", "in/b/c/d/e", "out/c"})
    test::write_text(path(name), "");
  fs::create_directory(path("in/b/empty"));
  fs::create_symlink("../out", path("in/links"));
  fs::create_symlink("out", path("link"));
  for (int i = 0; i < 2000; ++i) test::write_text(path("in/b") / std::to_string(i), "");
  for (const char* name : {"in", "link", "none"}) {
    remove_tree(path(name));
    EXPECT_FALSE(fs::is_symlink(path(name)) || fs::exists(path(name))) << name;
  }
  EXPECT_THAT(names_in(path("out")), ElementsAre("c"));
}

TEST_F(FolderTest, WhatCannotBeRemovedIsTold) {
  expect_error(ErrorCode::io,
               "cannot remove /proc/self/status: ", [] { remove_tree("/proc/self/status"); });
  EXPECT_FALSE(try_remove_tree("/proc/self/fdinfo"));
}

}  // namespace
}  // namespace ddim::engine
