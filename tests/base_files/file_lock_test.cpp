#include "base/file_lock.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>

#include "tests/base_files/expect_error.h"
#include "tests/base_files/temporary_folder.h"

namespace ddim {
namespace {

using testing::AllOf;
using testing::HasSubstr;

TEST(FileLock, NamesTheOwnerAndIsFreedByTheDestructor) {
  const test::TemporaryFolder folder;
  {
    const FileLock lock(folder.path());
    test::expect_error(ErrorCode::user,
                       AllOf(HasSubstr(folder.path().string()),
                             HasSubstr("process " + std::to_string(::getpid())), HasSubstr("host")),
                       [&] { FileLock second(folder.path()); });
  }
  EXPECT_NO_THROW(FileLock(folder.path()));
}

TEST(FileLock, IsFreedWhenItsOwnerIsKilled) {
  const test::TemporaryFolder folder;
  std::array<int, 2> ready{};
  ASSERT_EQ(::pipe(ready.data()), 0);
  const pid_t child = ::fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    const FileLock lock(folder.path());
    [[maybe_unused]] const ssize_t sent = ::write(ready[1], "x", 1);
    for (;;) ::pause();
  }
  char byte = 0;
  ASSERT_EQ(::read(ready[0], &byte, 1), 1);
  test::expect_error(ErrorCode::user, HasSubstr("process " + std::to_string(child)),
                     [&] { FileLock second(folder.path()); });
  ::kill(child, SIGKILL);
  ASSERT_EQ(::waitpid(child, nullptr, 0), child);
  EXPECT_NO_THROW(FileLock(folder.path()));
  ::close(ready[0]);
  ::close(ready[1]);
}

TEST(FileLock, FolderThatIsNotThere) {
  const test::TemporaryFolder folder;
  test::expect_error(ErrorCode::io, HasSubstr((folder / "absent").string()),
                     [&] { FileLock lock(folder / "absent"); });
}

}  // namespace
}  // namespace ddim
