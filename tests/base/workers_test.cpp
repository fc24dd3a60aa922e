#include "base/workers.h"

#include <ddim/error.h>
#include <ddim/run_options.h>
#include <gtest/gtest.h>
#include <sched.h>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdlib>
#include <mutex>
#include <stdexcept>
#include <thread>
#include <vector>

namespace ddim::engine {
namespace {

TEST(Workers, RunEveryItemOnce) {
  for (const int num_workers : {1, 2, 3, 8}) {
    for (const std::int64_t num_items : {0, 1, 2, 7, 1000}) {
      std::vector<std::atomic<int>> runs(static_cast<std::size_t>(num_items));
      run_workers(num_workers, num_items,
                  [&](std::int64_t item) { ++runs[static_cast<std::size_t>(item)]; });
      for (const auto& count : runs) EXPECT_EQ(count, 1);
    }
  }
}

TEST(Workers, OneWorkerIsTheCaller) {
  run_workers(1, 3, [caller = std::this_thread::get_id()](std::int64_t) {
    EXPECT_EQ(std::this_thread::get_id(), caller);
  });
}

TEST(WorkersDeathTest, AreAsManyAsTheProcessorsThatThisProcessMayUse) {
  // As many threads as it may use, which is what a rank that mpirun bound to one has.
  const std::vector<int> all = processors_allowed();
  ASSERT_FALSE(all.empty());
  const auto bound = [&] {
    cpu_set_t one;
    CPU_ZERO(&one);
    CPU_SET(static_cast<std::size_t>(all.back()), &one);
    ::sched_setaffinity(0, sizeof one, &one);
    const bool is_right = num_threads_of(0) == 1 && processors_allowed() == std::vector{all.back()};
    std::_Exit(is_right ? 7 : 1);
  };
  EXPECT_EXIT(bound(), testing::ExitedWithCode(7), "");
  ::setenv("SLURM_CPUS_PER_TASK", "1", 1);
  const int given = num_threads_of(0);
  ::setenv("SLURM_CPUS_PER_TASK", "100000", 1);
  const int more_than_there_are = num_threads_of(0);
  ::unsetenv("SLURM_CPUS_PER_TASK");
  EXPECT_EQ(given, 1);
  EXPECT_EQ(more_than_there_are, std::ssize(all));
}

// Each of two items waits until the other has begun.
TEST(Workers, WorkAtTheSameTime) {
  std::mutex mutex;
  std::condition_variable changed;
  int num_begun = 0;
  run_workers(2, 2, [&](std::int64_t) {
    std::unique_lock lock(mutex);
    ++num_begun;
    changed.notify_all();
    EXPECT_TRUE(changed.wait_for(lock, std::chrono::seconds(20), [&] { return num_begun == 2; }));
  });
}

TEST(Workers, RethrowAFailureAndBeginNoMoreItems) {
  for (const int num_workers : {1, 4}) {
    std::atomic<std::int64_t> num_run = 0;
    try {
      run_workers(num_workers, 1'000'000'000, [&](std::int64_t item) {
        ++num_run;
        if (item == 3) throw std::runtime_error("item 3");
      });
      FAIL() << "nothing was thrown";
    } catch (const std::runtime_error& error) {
      EXPECT_STREQ(error.what(), "item 3");
    }
    EXPECT_LT(num_run, 1'000'000'000);
  }
}

TEST(Workers, AreAtMostAThousandOrSo) {
  EXPECT_EQ(num_threads_of(kMaxThreads), kMaxThreads);
  EXPECT_GE(num_threads_of(0), 1);
  EXPECT_THROW(num_threads_of(kMaxThreads + 1), Error);
  EXPECT_THROW(num_threads_of(-1), Error);
}

TEST(Workers, RethrowOneOfManyFailures) {
  EXPECT_THROW(run_workers(4, 100, [](std::int64_t) { throw std::runtime_error("every item"); }),
               std::runtime_error);
}

}  // namespace
}  // namespace ddim::engine
