#include "base/file_system.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/file.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <utility>
#include <vector>

#include "tests/support/temporary_folder.h"

namespace ddim::engine {
namespace {

namespace fs = std::filesystem;
using test::TemporaryFolder;

TEST(FileSystem, RepeatsCallsThatASignalInterrupted) {
  struct : FileSystem {
    int call_open(const char* path, int flags, mode_t mode) override {
      return interrupted() ? -1 : FileSystem::call_open(path, flags, mode);
    }
    ssize_t call_write(int descriptor, const std::byte* bytes, std::size_t size) override {
      return interrupted() ? -1 : FileSystem::call_write(descriptor, bytes, size);
    }
    int call_fsync(int) override { return interrupted() ? -1 : 0; }
    int call_syncfs(int) override { return interrupted() ? -1 : 0; }
    int call_mkdir(const char* path, mode_t mode) override {
      return interrupted() ? -1 : FileSystem::call_mkdir(path, mode);
    }
    int call_rename(const char* from, const char* to) override {
      return interrupted() ? -1 : FileSystem::call_rename(from, to);
    }
    int call_rename_no_replace(const char* from, const char* to) override {
      return interrupted() ? -1 : FileSystem::call_rename_no_replace(from, to);
    }
    int call_unlink(const char* path) override {
      return interrupted() ? -1 : FileSystem::call_unlink(path);
    }
    int call_rmdir(const char* path) override {
      return interrupted() ? -1 : FileSystem::call_rmdir(path);
    }
    int call_flock(int descriptor, int operation) override {
      return interrupted() ? -1 : FileSystem::call_flock(descriptor, operation);
    }
    int call_fchmod(int descriptor, mode_t mode) override {
      return interrupted() ? -1 : FileSystem::call_fchmod(descriptor, mode);
    }
    bool interrupted() {  // two calls of three
      errno = EINTR;
      return ++num_calls % 3 != 0;
    }
    int num_calls = 0;
  } calls;
  const TemporaryFolder folder;
  const fs::path a = folder / "a", b = folder / "b", c = folder / "c";
  const int file = calls.open(a.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
  ASSERT_GE(file, 0);
  EXPECT_EQ(calls.write(file, reinterpret_cast<const std::byte*>("four"), 4), 4);
  EXPECT_EQ(calls.fchmod(file, 0640), 0);
  EXPECT_EQ(calls.flock(file, LOCK_EX), 0);
  EXPECT_EQ(calls.fsync(file), 0);
  EXPECT_EQ(calls.syncfs(file), 0);
  EXPECT_EQ(calls.close(file), 0);
  EXPECT_EQ(calls.rename(a.c_str(), b.c_str()), 0);
  EXPECT_EQ(calls.rename_no_replace(b.c_str(), a.c_str()), 0);
  EXPECT_EQ(calls.unlink(a.c_str()), 0);
  EXPECT_EQ(calls.mkdir(c.c_str(), 0700), 0);
  EXPECT_EQ(calls.rmdir(c.c_str()), 0);
  EXPECT_EQ(calls.num_calls, 33);
}

// Interrupted for good, or with no progress and no reason: an end, never a loop without one.
TEST(WriteAll, GivesUpWhereNothingIsWritten) {
  struct : FileSystem {
    ssize_t call_write(int, const std::byte*, std::size_t size) override {
      if (left > 0) return static_cast<ssize_t>(std::min(size, std::exchange(left, 0)));
      errno = reason;
      return reason == 0 ? 0 : -1;
    }
    std::size_t left = 0;
    int reason = 0;
  } stuck;
  const std::vector<std::byte> bytes(100);
  for (const auto& [reason, said] : {std::pair(EINTR, EINTR), std::pair(0, ENOSPC)}) {
    stuck.left = 30;
    stuck.reason = reason;
    EXPECT_EQ(write_all(stuck, 0, bytes), 30U);
    EXPECT_EQ(errno, said);
  }
  stuck.left = 100;
  EXPECT_EQ(write_all(stuck, 0, bytes), 100U);
}

}  // namespace
}  // namespace ddim::engine
