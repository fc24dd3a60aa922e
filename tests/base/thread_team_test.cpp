#include "base/thread_team.h"

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <new>
#include <numeric>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

namespace ddim::engine {
namespace {

class ThreadTeamOfSize : public testing::TestWithParam<int> {};

TEST_P(ThreadTeamOfSize, CallsTheBodyOnceForEachItem) {
  ThreadTeam team(GetParam());
  for (const std::int64_t num_items : {0, 1, 2, 3, 7, 100, 1001}) {
    std::vector<std::atomic<int>> calls(static_cast<std::size_t>(num_items));
    team.for_each(num_items, [&](int thread, std::int64_t item) {
      ASSERT_GE(thread, 0);
      ASSERT_LT(thread, team.size());
      ++calls[static_cast<std::size_t>(item)];
    });
    for (const std::atomic<int>& count : calls) EXPECT_EQ(count, 1) << num_items << " items";
  }
}

/// Each loop reads what the one before wrote, mostly by another thread.
TEST_P(ThreadTeamOfSize, LoopsFollowEachOther) {
  constexpr std::size_t kNumItems = 64;
  ThreadTeam team(GetParam());
  std::vector<std::int64_t> values(kNumItems, 0);
  std::vector<std::int64_t> next(kNumItems);
  for (int loop = 0; loop < 5000; ++loop) {
    team.for_each(kNumItems, [&](int, std::int64_t item) {
      const auto i = static_cast<std::size_t>(item);
      next[i] = values[(i + 17) % kNumItems] + 1;
    });
    std::swap(values, next);
  }
  for (const std::int64_t value : values) ASSERT_EQ(value, 5000);
}

TEST_P(ThreadTeamOfSize, CallsWithTheSameThreadDoNotOverlap) {
  ThreadTeam team(GetParam());
  std::vector<std::atomic<bool>> busy(static_cast<std::size_t>(team.size()));
  std::atomic<int> overlaps = 0;
  for (int loop = 0; loop < 200; ++loop) {
    team.for_each(50, [&](int thread, std::int64_t) {
      std::atomic<bool>& flag = busy[static_cast<std::size_t>(thread)];
      if (flag.exchange(true)) ++overlaps;
      flag = false;
    });
  }
  EXPECT_EQ(overlaps, 0);
}

TEST_P(ThreadTeamOfSize, ThrowWhatABodyThrowsAndGoOn) {
  ThreadTeam team(GetParam());
  for (const std::int64_t wrong : {0, 1, 50, 99}) {
    const auto body = [&](int, std::int64_t item) {
      if (item == wrong) throw std::out_of_range(std::to_string(item));
    };
    try {
      team.for_each(100, body);
      ADD_FAILURE() << "item " << wrong << " went unnoticed";
    } catch (const std::out_of_range& error) {
      EXPECT_EQ(error.what(), std::to_string(wrong));
    }
    std::atomic<int> num_calls = 0;
    team.for_each(100, [&](int, std::int64_t) { ++num_calls; });
    EXPECT_EQ(num_calls, 100);
  }
  // All at once: one of them is thrown, and no body of that loop runs any more.
  std::atomic<bool> is_over = false;
  EXPECT_THROW(team.for_each(1000,
                             [&](int, std::int64_t) {
                               EXPECT_FALSE(is_over);
                               throw std::bad_alloc();
                             }),
               std::bad_alloc);
  is_over = true;
  team.for_each(10, [](int, std::int64_t) {});
}

INSTANTIATE_TEST_SUITE_P(Sizes, ThreadTeamOfSize, testing::Values(1, 2, 3, 8));

TEST(ThreadTeam, OthersTakeTheItemsOfOneThatIsHeldUp) {
  ThreadTeam team(2);
  // Whoever takes item 0 is held up until all others are done, those of its own half too.
  std::atomic<int> num_others = 0;
  team.for_each(10, [&](int, std::int64_t item) {
    if (item != 0) {
      ++num_others;
      return;
    }
    while (num_others < 9) std::this_thread::yield();
  });
  EXPECT_EQ(num_others, 9);
}

TEST(ThreadTeam, WakesThreadsThatHaveGoneToSleep) {
  ThreadTeam team(2);
  for (int loop = 0; loop < 3; ++loop) {
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
    // Ends only when two threads are in it.
    std::atomic<int> num_there = 0;
    team.for_each(2, [&](int, std::int64_t) {
      ++num_there;
      while (num_there < 2) std::this_thread::yield();
    });
    EXPECT_EQ(num_there, 2);
  }
}

TEST(ThreadTeam, WithoutGuestsTheCallerDoesItAll) {
  ThreadTeam team(4, ThreadTeam::Others::guests);
  EXPECT_EQ(team.size(), 4);
  EXPECT_EQ(team.num_present(), 1);
  team.help(1);  // closed until open(): returns at once
  team.open();
  team.for_each(100, [caller = std::this_thread::get_id()](int thread, std::int64_t) {
    EXPECT_EQ(thread, 0);
    EXPECT_EQ(std::this_thread::get_id(), caller);
  });
}

TEST(ThreadTeam, GuestsComeAndGo) {
  constexpr std::size_t kNumItems = 64;
  ThreadTeam team(3, ThreadTeam::Others::guests);
  std::vector<std::int64_t> values(kNumItems, 0), next(kNumItems);
  std::atomic<bool> is_over = false;
  std::vector<std::jthread> guests;
  for (const int place : {1, 2})
    guests.emplace_back([&, place] {
      while (!is_over) team.help(place);
    });
  for (int loop = 0; loop < 5000; ++loop) {
    if (loop % 50 == 0) team.open();
    team.for_each(kNumItems, [&](int thread, std::int64_t item) {
      ASSERT_LT(thread, 3);
      const auto i = static_cast<std::size_t>(item);
      next[i] = values[(i + 17) % kNumItems] + 1;
    });
    std::swap(values, next);
    if (loop % 50 == 40) team.close();
  }
  is_over = true;
  team.close();
  guests.clear();
  EXPECT_EQ(team.num_present(), 1);
  for (const std::int64_t value : values) ASSERT_EQ(value, 5000);
}

TEST(ThreadTeam, TeamsOfDifferentCallersWorkSideBySide) {
  const auto sum_of = [](std::int64_t n) {
    ThreadTeam team(2);
    std::int64_t sum = 0;
    for (int loop = 0; loop < 500; ++loop) {
      std::vector<std::int64_t> items(static_cast<std::size_t>(n));
      team.for_each(n, [&](int, std::int64_t i) { items[static_cast<std::size_t>(i)] = i; });
      sum += std::accumulate(items.begin(), items.end(), std::int64_t{0});
    }
    return sum;
  };
  std::int64_t sums[2] = {};
  {
    const std::jthread other([&] { sums[1] = sum_of(20); });
    sums[0] = sum_of(30);
  }
  EXPECT_EQ(sums[0], 500 * 30 * 29 / 2);
  EXPECT_EQ(sums[1], 500 * 20 * 19 / 2);
}

}  // namespace
}  // namespace ddim::engine
