#include "base/file_lock.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <chrono>
#include <thread>

#include "tests/support/expect_error.h"
#include "tests/support/temporary_folder.h"

namespace ddim::engine {
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

TEST(FileLock, TogetherIsForAllWhoSayItAndNobodyElse) {
  const test::TemporaryFolder folder;
  {
    const FileLock first(folder.path(), LockKind::together);
    const FileLock second(folder.path(), LockKind::together);
    test::expect_error(ErrorCode::user, HasSubstr("in use by process"),
                       [&] { FileLock alone(folder.path()); });
  }
  const FileLock alone(folder.path());
  test::expect_error(ErrorCode::user, HasSubstr("in use by process"),
                     [&] { FileLock third(folder.path(), LockKind::together); });
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

TEST(FileLock, WaitsUntilTheOwnerIsDone) {
  const test::TemporaryFolder folder;
  const std::filesystem::path file = folder / "x.lock";
  std::atomic<bool> done = false;
  std::thread owner;
  {
    const FileLock lock = FileLock::wait_for(file, {});
    std::stop_source stop;
    stop.request_stop();
    test::expect_error(ErrorCode::interrupted, HasSubstr(file.string()),
                       [&] { FileLock::wait_for(file, stop.get_token()); });
    owner = std::thread([&] {
      const FileLock waited = FileLock::wait_for(file, {});
      EXPECT_TRUE(done);
    });
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
    done = true;
  }
  owner.join();
}

TEST(FileLock, HoldsTheFileThatHasTheName) {
  const test::TemporaryFolder folder;
  const std::filesystem::path file = folder / "x.lock";
  // An owner removes the file when it is done, after this process has opened it.
  class Removing : public FileSystem {
   public:
    explicit Removing(std::filesystem::path file) : file_(std::move(file)) {}
    int call_flock(int descriptor, int operation) override {
      if (num_calls++ == 0) std::filesystem::remove(file_);
      return FileSystem::call_flock(descriptor, operation);
    }
    int num_calls = 0;

   private:
    std::filesystem::path file_;
  };
  Removing file_system(file);
  const FileLock lock = FileLock::wait_for(file, {}, file_system);
  EXPECT_EQ(file_system.num_calls, 2);
  ASSERT_TRUE(std::filesystem::exists(file));
  std::stop_source stop;
  stop.request_stop();
  test::expect_error(ErrorCode::interrupted, HasSubstr(file.string()),
                     [&] { FileLock::wait_for(file, stop.get_token()); });
}

TEST(FileLock, GoesOnWhereTheFileSystemHasNoLocks) {
  class Failing : public FileSystem {
   public:
    explicit Failing(int reason) : reason_(reason) {}
    int call_flock(int, int) override {
      errno = reason_;
      return -1;
    }

   private:
    int reason_;
  };
  const test::TemporaryFolder folder;
  for (const int reason : {ENOSYS, ENOLCK, EOPNOTSUPP}) {
    Failing file_system(reason);
    EXPECT_FALSE(FileLock(folder.path(), LockKind::alone, file_system).is_held());
    EXPECT_FALSE(FileLock::wait_for(folder / "x.lock", {}, file_system).is_held());
  }
  Failing file_system(EIO);
  test::expect_error(ErrorCode::io, HasSubstr("Input/output error"),
                     [&] { FileLock(folder.path(), LockKind::alone, file_system); });
  test::expect_error(ErrorCode::io, HasSubstr("Input/output error"),
                     [&] { FileLock::wait_for(folder / "x.lock", {}, file_system); });
  EXPECT_TRUE(FileLock(folder.path()).is_held());
}

TEST(FileLock, FolderThatIsNotThere) {
  const test::TemporaryFolder folder;
  test::expect_error(ErrorCode::io, HasSubstr((folder / "absent").string()),
                     [&] { FileLock lock(folder / "absent"); });
}

}  // namespace
}  // namespace ddim::engine
