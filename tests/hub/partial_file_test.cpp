#include "hub/partial_file.h"

#include <gtest/gtest.h>

#include <cerrno>
#include <string_view>

#include "base/file_input.h"
#include "tests/support/expect_error.h"
#include "tests/support/temporary_folder.h"

namespace ddim::engine::hub {
namespace {

using testing::AllOf;
using testing::HasSubstr;

std::span<const std::byte> bytes_of(std::string_view text) {
  return std::as_bytes(std::span(text.data(), text.size()));
}

TEST(PartialFile, GoesOnWhereItEnded) {
  const test::TemporaryFolder folder;
  {
    PartialFile part(folder / "x.incomplete");
    EXPECT_EQ(part.size_bytes(), 0U);
    part.append(bytes_of("one "));
  }
  PartialFile part(folder / "x.incomplete");
  EXPECT_EQ(part.size_bytes(), 4U);
  part.append(bytes_of("two"));
  part.move_to(folder / "x");
  EXPECT_EQ(read_file(folder / "x", 100), "one two");
  EXPECT_FALSE(std::filesystem::exists(folder / "x.incomplete"));
}

TEST(PartialFile, StartsAnew) {
  const test::TemporaryFolder folder;
  PartialFile part(folder / "x.incomplete");
  part.append(bytes_of("wrong"));
  part.clear();
  EXPECT_EQ(part.size_bytes(), 0U);
  part.append(bytes_of("ok"));
  EXPECT_EQ(read_file(folder / "x.incomplete", 100), "ok");
}

/// A disk that takes `room` bytes, in short writes.
class FullDisk : public FileSystem {
 public:
  explicit FullDisk(std::size_t room) : room_(room) {}
  ssize_t call_write(int descriptor, const std::byte* bytes, std::size_t size) override {
    const std::size_t taken = std::min({size, room_, std::size_t{3}});
    if (taken == 0) {
      errno = ENOSPC;
      return -1;
    }
    room_ -= taken;
    return FileSystem::call_write(descriptor, bytes, taken);
  }

 private:
  std::size_t room_;
};

TEST(PartialFile, KeepsWhatAFullDiskHas) {
  const test::TemporaryFolder folder;
  FullDisk disk(7);
  PartialFile part(folder / "x.incomplete", disk);
  test::expect_error(ErrorCode::io,
                     AllOf(HasSubstr("x.incomplete"), HasSubstr("No space left"), HasSubstr("7")),
                     [&] { part.append(bytes_of("0123456789")); });
  EXPECT_EQ(read_file(folder / "x.incomplete", 100), "0123456");
}

TEST(PartialFile, SaysWhereItsNameMayNotLast) {
  class BadFolders : public FileSystem {
   public:
    explicit BadFolders(int reason) : reason_(reason) {}
    int call_fsync(int descriptor) override {
      struct stat status {};
      ::fstat(descriptor, &status);
      errno = reason_;
      return S_ISDIR(status.st_mode) ? -1 : FileSystem::call_fsync(descriptor);
    }

   private:
    int reason_;
  };
  const test::TemporaryFolder folder;
  BadFolders without_fsync(EINVAL), damaged(EIO);
  EXPECT_NO_THROW(PartialFile(folder / "x.incomplete", without_fsync).move_to(folder / "x"));
  test::expect_error(ErrorCode::io, HasSubstr(folder.path().string()),
                     [&] { PartialFile(folder / "y.incomplete", damaged).move_to(folder / "y"); });
}

TEST(PartialFile, SaysWhatCannotBeOpened) {
  const test::TemporaryFolder folder;
  test::expect_error(ErrorCode::io, HasSubstr("absent/x"),
                     [&] { PartialFile(folder / "absent/x"); });
}

}  // namespace
}  // namespace ddim::engine::hub
